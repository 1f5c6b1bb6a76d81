import { JsonError } from '../json/errors.ts';
import { isJsonObject, type JsonArray, type JsonValue } from '../json/value.ts';
import { MAX_EVENT_DEPTH } from '../spec/limits.ts';

/**
 * Whether a value is certainly larger than a number of bytes once encoded. Counts characters and stops as soon as they
 * are too many, so that an absurd event is refused before anything is built from it; the exact size is for later.
 * Throws {@link JsonError} `too_deep`.
 */
export function isSurelyLarger(value: JsonValue, bytes: number): boolean {
  return countDown(value, bytes, 0) < 0;
}

/** What is left of a budget after a value; negative when it is used up. */
function countDown(value: JsonValue, budget: number, depth: number): number {
  if (typeof value === 'string') return budget - value.length - 2;
  if (typeof value !== 'object' || value === null) return budget - 1;
  if (depth > MAX_EVENT_DEPTH) throw new JsonError('too_deep');
  let left = budget;
  if (Array.isArray(value)) {
    for (const item of value as JsonArray) {
      left = countDown(item, left, depth + 1) - 1;
      if (left < 0) return left;
    }
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      left = countDown(value[key] ?? null, left - key.length - 3, depth + 1) - 1;
      if (left < 0) return left;
    }
  }
  // An array or object of n items has n - 1 commas and two brackets: one more than has been taken.
  return left - 1;
}
