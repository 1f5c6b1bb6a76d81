import fc from 'fast-check';
import { isJsonArray, isJsonObject, withoutKeys, type JsonValue } from '../json/value.ts';

/** A way to a value inside JSON, by indexes that are taken modulo what is there. */
export const path = fc.array(fc.nat(40), { minLength: 1, maxLength: 4 });
/** What is put there; undefined deletes. */
export const replacement: fc.Arbitrary<JsonValue | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<JsonValue>(null, true, 0, -1, 2 ** 53, 0.5, '', 'x', '@a:b', '$x', [], {}, [[]], {
    sha256: '',
  }),
  fc.string(),
  fc.maxSafeInteger(),
);

/** Replaces, or deletes, the value at a path; with `insert` adds a key instead. */
export function mutate(
  value: JsonValue,
  [head, ...rest]: readonly number[],
  put: JsonValue | undefined,
): JsonValue {
  if (head === undefined) return put ?? null;
  if (isJsonArray(value) && value.length > 0) {
    const at = head % value.length;
    return value.map((item, index) => (index === at ? mutate(item, rest, put) : item));
  }
  if (!isJsonObject(value)) return put ?? null;
  const keys = Object.keys(value);
  const key = keys[head % (keys.length + 1)];
  if (key === undefined) return { ...value, [`added${head}`]: put ?? 1 };
  if (rest.length === 0 && put === undefined) return withoutKeys(value, new Set([key]));
  return { ...value, [key]: mutate(value[key] ?? null, rest, put) };
}
