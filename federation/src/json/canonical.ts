import { MAX_JSON_DEPTH } from '../spec/limits.ts';
import { JsonError } from './errors.ts';
import { forbiddenNumberLiteral } from './number-scan.ts';
import { RawNumber, type JsonArray, type JsonObject, type JsonValue } from './value.ts';

/**
 * How numbers that canonical JSON forbids are treated: `strict` refuses them (room version 6 on, and everything that
 * is not an event), `lenient` writes them as they came (room versions 1 to 5).
 */
export type NumberPolicy = 'strict' | 'lenient';

/** Characters that need an escape, and surrogates, which need a look. */
// eslint-disable-next-line no-control-regex -- control characters are exactly what JSON escapes
const NEEDS_CARE = /["\\\u0000-\u001f\ud800-\udfff]/;
const BEYOND_SURROGATES = /[\ud800-\uffff]/;

/**
 * Encodes a value as canonical JSON: the shortest form, with keys sorted by Unicode code point
 * (spec: Appendices, Canonical JSON). Properties that are undefined are left out. Throws {@link JsonError}.
 */
export function canonicalJson(value: JsonValue, numbers: NumberPolicy = 'strict'): string {
  return encode(value, numbers, 0);
}

/**
 * Like {@link canonicalJson} for an object, without some of its top-level keys: hashes and signatures cover an object
 * minus `signatures`, `unsigned` and the like, and a copy would cost more than the skip.
 */
export function canonicalJsonWithout(
  object: JsonObject,
  omit: ReadonlySet<string>,
  numbers: NumberPolicy = 'strict',
): string {
  return encodeObject(object, numbers, 1, omit);
}

/**
 * Like {@link canonicalJson} for an object of which only some top-level keys count, one of them with another value:
 * the redacted form of an event, encoded without building it.
 */
export function canonicalJsonOnly(
  object: JsonObject,
  keep: ReadonlySet<string>,
  replaced: string,
  replacement: JsonValue,
  numbers: NumberPolicy = 'strict',
): string {
  const texts: string[] = [];
  for (const key of sortedKeys(object)) {
    const value = key === replaced ? replacement : object[key];
    if (value !== undefined && keep.has(key)) texts.push(encodeString(key) + ':' + encode(value, numbers, 1));
  }
  return joinMembers(texts);
}

/** A top-level key of an object and its canonical text, `"key":value`. */
export type CanonicalMember = { readonly key: string; readonly text: string };

/**
 * The members of an object in canonical order, each encoded, for callers that need several selections of them: an
 * event is hashed whole and signed redacted, and most of it is the same. Join with {@link joinMembers}.
 */
export function canonicalMembers(
  object: JsonObject,
  numbersOf: (key: string) => NumberPolicy,
): CanonicalMember[] {
  const members: CanonicalMember[] = [];
  for (const key of sortedKeys(object)) {
    const value = object[key];
    if (value !== undefined)
      members.push({ key, text: encodeString(key) + ':' + encode(value, numbersOf(key), 1) });
  }
  return members;
}

/** The canonical JSON of the object that has these members. */
export function joinMembers(texts: Iterable<string>): string {
  let out = '{';
  let separator = '';
  for (const text of texts) {
    out += separator + text;
    separator = ',';
  }
  return out + '}';
}

/** Orders strings by Unicode code point, as opposed to UTF-16 unit: U+FF61 sorts before U+1F600. */
export function compareCodePoints(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let index = 0; index < shorter; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

/** Moves surrogates, which stand for code points from U+10000 on, behind the rest of the basic plane. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function encode(value: JsonValue, numbers: NumberPolicy, depth: number): string {
  switch (typeof value) {
    case 'string':
      return encodeString(value);
    case 'number':
      return encodeNumber(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (value instanceof RawNumber) return encodeRawNumber(value, numbers);
      if (depth >= MAX_JSON_DEPTH) throw new JsonError('too_deep');
      if (Array.isArray(value)) return encodeArray(value as JsonArray, numbers, depth + 1);
      return encodeObject(value as JsonObject, numbers, depth + 1, undefined);
    default:
      throw new JsonError('not_json_value');
  }
}

function encodeArray(array: JsonArray, numbers: NumberPolicy, depth: number): string {
  let out = '[';
  let separator = '';
  for (const item of array) {
    out += separator + encode(item, numbers, depth);
    separator = ',';
  }
  return out + ']';
}

function encodeObject(
  object: JsonObject,
  numbers: NumberPolicy,
  depth: number,
  omit: ReadonlySet<string> | undefined,
): string {
  let out = '{';
  let separator = '';
  for (const key of sortedKeys(object)) {
    const value = object[key];
    if (value === undefined || omit?.has(key) === true) continue;
    out += separator + encodeString(key) + ':' + encode(value, numbers, depth);
    separator = ',';
  }
  return out + '}';
}

function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  let sorted = true;
  let plain = true;
  let previous = '';
  for (const key of keys) {
    if (key < previous) sorted = false;
    if (BEYOND_SURROGATES.test(key)) plain = false;
    previous = key;
  }
  if (!plain) return keys.sort(compareCodePoints);
  return sorted ? keys : keys.sort();
}

function encodeString(text: string): string {
  if (!NEEDS_CARE.test(text)) return '"' + text + '"';
  if (!text.isWellFormed()) throw new JsonError('lone_surrogate');
  return JSON.stringify(text);
}

function encodeNumber(value: number): string {
  if (Object.is(value, -0)) throw new JsonError('negative_zero');
  if (Number.isSafeInteger(value)) return String(value);
  throw new JsonError(Number.isInteger(value) ? 'integer_range' : 'float');
}

function encodeRawNumber(number: RawNumber, numbers: NumberPolicy): string {
  if (numbers === 'strict') throw new JsonError(forbiddenNumberLiteral(number.literal) ?? 'not_json_value');
  return lenientNumber(number.literal);
}

/**
 * Room versions 1 to 5 hash such numbers too. The appendix' own example turns -0 into 0 and 1e10 into 10000000000;
 * everything else is left as its sender, which hashed it first, wrote it.
 */
function lenientNumber(literal: string): string {
  const value = Number(literal);
  if (!Number.isFinite(value)) throw new JsonError('integer_range');
  const reason = forbiddenNumberLiteral(literal);
  if (reason === 'negative_zero') return '0';
  return reason === 'exponent' && Number.isSafeInteger(value) ? String(value + 0) : literal;
}
