import { JsonError } from './errors.ts';
import { eachForbiddenNumber, scanJson, type JsonScan } from './number-scan.ts';
import { isJsonObject, RawNumber, type JsonObject, type JsonValue } from './value.ts';

/** The grammar of numbers (RFC 8259, section 6). */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

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
 * Throws {@link JsonError} for bad syntax, nesting beyond `MAX_JSON_DEPTH`, numbers beyond `MAX_NUMBER_TEXT`, a key twice in one object, or a lone
 * surrogate. Whether strange numbers are allowed is for the reader of the value: {@link canonicalJson} refuses them.
 */
export function parseJson(text: string): JsonValue {
  return parseScanned(text, scanJson(text));
}

/**
 * {@link parseJson} of what cannot be large: throws `too_large`, before anything is built, for more members, or more
 * numbers that canonical JSON forbids. Each costs a hundred times what a letter does.
 */
export function parseSmallJson(
  text: string,
  most: { readonly members: number; readonly strangeNumbers: number },
): JsonValue {
  const scan = scanJson(text);
  if (scan.strangeNumbers > most.strangeNumbers || scan.members > most.members)
    throw new JsonError('too_large');
  return parseScanned(text, scan);
}

/**
 * {@link parseJson} of text that must hold an object and no number that canonical JSON forbids: throws `syntax`, or what
 * is wrong with the first such number, or `too_large` for too many members, before anything is built.
 */
export function parsePlainJsonObject(text: string, mostMembers: number): JsonObject {
  const scan = scanJson(text);
  if (scan.members > mostMembers) throw new JsonError('too_large');
  if (scan.strangeNumber !== undefined) throw new JsonError(scan.strangeNumber);
  const value = parseScanned(text, scan);
  if (!isJsonObject(value)) throw new JsonError('syntax');
  return value;
}

function parseScanned(text: string, scan: JsonScan): JsonValue {
  const walk: Walk = { members: 0, strings: scan.surrogateEscape || !text.isWellFormed(), literals: [] };
  const value = parsePlain(scan.strangeNumber === undefined ? text : standIn(text, walk.literals));
  const inspected = inspect(value, walk);
  if (walk.members !== scan.members) throw new JsonError('duplicate_key');
  return inspected;
}

/** {@link parseJson} of text that must hold an object, else `syntax`. */
export function parseJsonObject(text: string): JsonObject {
  const value = parseJson(text);
  if (!isJsonObject(value)) throw new JsonError('syntax');
  return value;
}

function parsePlain(text: string): JsonValue {
  try {
    const value: unknown = JSON.parse(text);
    // What JSON.parse returns is JSON by definition.
    return value as JsonValue;
  } catch {
    throw new JsonError('syntax');
  }
}

/** What is counted and looked at on one walk over a parsed value. */
type Walk = {
  members: number;
  /** Whether a string may hold a lone surrogate. */
  readonly strings: boolean;
  /** Numbers as they were written, by the integer part of the fraction that stands for each. */
  readonly literals: string[];
};

/**
 * The text with a fraction instead of every number that canonical JSON forbids: 0.5, 1.5 and so on, by its place in
 * `literals`. All other numbers are integers, so that the fractions of the parsed value are these and no others. A
 * reviver could see the sources too, at ten times the cost, which a stranger would have us pay.
 */
function standIn(text: string, literals: string[]): string {
  let out = '';
  let copied = 0;
  eachForbiddenNumber(text, (start, stop) => {
    const literal = text.slice(start, stop);
    if (!NUMBER.test(literal)) throw new JsonError('syntax');
    out += `${text.slice(copied, start)}${literals.length}.5`;
    literals.push(literal);
    copied = stop;
  });
  return out + text.slice(copied);
}

/** Counts members, refuses lone surrogates, puts numbers back as they were written. The scan has bounded the depth. */
function inspect(value: JsonValue, walk: Walk): JsonValue {
  if (typeof value === 'string') {
    if (walk.strings && !value.isWellFormed()) throw new JsonError('lone_surrogate');
  } else if (typeof value === 'number') {
    return Number.isInteger(value) ? value : new RawNumber(walk.literals[Math.floor(value)] ?? '');
  } else if (Array.isArray(value)) {
    return inspectItems(value as readonly JsonValue[], walk);
  } else if (typeof value === 'object' && value !== null) {
    const object = value as Record<string, JsonValue>;
    for (const key of Object.keys(object)) {
      walk.members += 1;
      if (walk.strings && !key.isWellFormed()) throw new JsonError('lone_surrogate');
      const member = object[key] ?? null;
      const inspected = inspect(member, walk);
      if (inspected !== member) object[key] = inspected;
    }
  }
  return value;
}

/** A new list where a number is put back: engines hold a list of fractions in a form that would have to be rebuilt. */
function inspectItems(items: readonly JsonValue[], walk: Walk): readonly JsonValue[] {
  let changed: JsonValue[] | undefined;
  for (let index = 0; index < items.length; index++) {
    const item = items[index] ?? null;
    const inspected = inspect(item, walk);
    if (changed === undefined && inspected !== item) changed = items.slice(0, index);
    changed?.push(inspected);
  }
  return changed ?? items;
}
