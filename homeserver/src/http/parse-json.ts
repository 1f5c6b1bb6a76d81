import { DomainError } from '../domain/errors.ts';

/** Deepest nesting of a request body. The spec sets none; recursive code (canonical JSON, schemas) must have one. */
const MAX_DEPTH = 200;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Whether JSON text nests deeper than `limit`. Malformed text may get any answer; the parser refuses it after. */
export const nestsDeeper = (bytes: Uint8Array, limit: number): boolean => {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (inString) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      depth += 1;
      if (depth > limit) return true;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth -= 1;
  }
  return false;
};

/** The JSON value of a request body; an empty body counts as `{}`, as most operations allow. Throws `not_json`. */
export const parseJsonBody = (bytes: Buffer): unknown => {
  if (bytes.length === 0) return {};
  if (bytes.length > 2 * MAX_DEPTH && nestsDeeper(bytes, MAX_DEPTH)) {
    throw new DomainError('bad_json', 'The request body is nested too deeply');
  }
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown;
  } catch {
    throw new DomainError('not_json', 'The request body is not valid JSON');
  }
};
