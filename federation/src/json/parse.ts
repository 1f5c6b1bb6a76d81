import { JsonError } from './errors.ts';
import { forbiddenNumberLiteral, scanJson } from './number-scan.ts';
import { isJsonObject, RawNumber, type JsonObject, type JsonValue } from './value.ts';

type SourceContext = { readonly source?: string };
type SourceReviver = (key: string, value: unknown, context: SourceContext) => unknown;
type ParseWithSource = (text: string, reviver: SourceReviver) => unknown;

// TypeScript's library does not know the reviver's third argument yet (Node 21, Chrome 114, Firefox 135, Safari 18.4).
const parseWithSource: ParseWithSource = JSON.parse as unknown as ParseWithSource;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes bytes of UTF-8; throws {@link JsonError} `not_utf8`. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new JsonError('not_utf8');
  }
}

/**
 * Parses JSON from outside without losing anything: numbers that canonical JSON forbids become {@link RawNumber}s.
 * Throws {@link JsonError} for bad syntax, nesting beyond `MAX_JSON_DEPTH`, a key twice in one object, or a lone
 * surrogate. Whether strange numbers are allowed is for the reader of the value: {@link canonicalJson} refuses them.
 */
export function parseJson(text: string): JsonValue {
  const scan = scanJson(text);
  const value = scan.strangeNumber === undefined ? parsePlain(text) : parseLossless(text);
  const seen = { members: 0 };
  inspect(value, seen, scan.surrogateEscape || !text.isWellFormed());
  if (seen.members !== scan.members) throw new JsonError('duplicate_key');
  return value;
}

/** {@link parseJson} of text that must hold an object, else `syntax`. */
export function parseJsonObject(text: string): JsonObject {
  const value = parseJson(text);
  if (!isJsonObject(value)) throw new JsonError('syntax');
  return value;
}

function parsePlain(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new JsonError('syntax');
  }
}

function parseLossless(text: string): JsonValue {
  try {
    return parseWithSource(text, (_key, value, context) => {
      if (typeof value !== 'number' || context.source === undefined) return value;
      return forbiddenNumberLiteral(context.source) === undefined ? value : new RawNumber(context.source);
    }) as JsonValue;
  } catch {
    throw new JsonError('syntax');
  }
}

/** Counts members, and with `strings` refuses lone surrogates. The scan has bounded the depth. */
function inspect(value: JsonValue, seen: { members: number }, strings: boolean): void {
  if (typeof value === 'string') {
    if (strings && !value.isWellFormed()) throw new JsonError('lone_surrogate');
  } else if (typeof value === 'object' && value !== null && !(value instanceof RawNumber)) {
    if (Array.isArray(value)) {
      for (const item of value as readonly JsonValue[]) inspect(item, seen, strings);
      return;
    }
    const object = value as JsonObject;
    for (const key of Object.keys(object)) {
      seen.members += 1;
      if (strings && !key.isWellFormed()) throw new JsonError('lone_surrogate');
      inspect(object[key] ?? null, seen, strings);
    }
  }
}
