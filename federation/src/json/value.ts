/** A JSON array. Read-only: events are shared between caches and requests. */
export type JsonArray = readonly JsonValue[];

/** A JSON object. Read with {@link ownValue}: a key such as `toString` must not reach the prototype. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** What {@link parseJson} returns: JSON without loss, so numbers that doubles cannot hold stay {@link RawNumber}s. */
export type JsonValue = string | number | boolean | null | RawNumber | JsonArray | JsonObject;

type RawJson = { rawJSON(text: string): unknown };

// TypeScript's library does not know JSON.rawJSON yet (Node 22, Chrome 114, Firefox 135, Safari 18.4).
const { rawJSON } = JSON as unknown as RawJson;

/**
 * A number that canonical JSON forbids (a fraction, an exponent, -0, beyond 2^53-1), kept as it was written, because
 * events of room versions 1 to 5 may hold such numbers and their hashes cover every digit.
 */
export class RawNumber {
  readonly literal: string;

  constructor(literal: string) {
    this.literal = literal;
  }

  /** The nearest double. */
  get value(): number {
    return Number(this.literal);
  }

  /** `JSON.stringify` writes the literal unchanged. */
  toJSON(): unknown {
    return rawJSON(this.literal);
  }
}

/** Whether `value` is a JSON object: not an array, null or {@link RawNumber}. */
export function isJsonObject(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RawNumber)
  );
}

/** Whether `value` is a JSON array. */
export function isJsonArray(value: unknown): value is JsonArray {
  return Array.isArray(value);
}

/** The value of an own key, or undefined: remote data chooses the keys that we look up, `__proto__` among them. */
export function ownValue(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The value of an own key if it is a string. */
export function ownString(object: JsonObject, key: string): string | undefined {
  const value = ownValue(object, key);
  return typeof value === 'string' ? value : undefined;
}

/** The value of an own key if it is an object. */
export function ownObject(object: JsonObject, key: string): JsonObject | undefined {
  const value = ownValue(object, key);
  return isJsonObject(value) ? value : undefined;
}

/** An object without some of its keys; the rest is shared, not copied. Safe for a key named `__proto__`. */
export function withoutKeys(object: JsonObject, keys: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.has(key)));
}
