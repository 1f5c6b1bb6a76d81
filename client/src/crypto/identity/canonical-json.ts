/**
 * Matrix canonical JSON (appendices, "Canonical JSON"): shortest form, keys in code-point order, integers within
 * 2^53 - 1. What is signed must have one spelling only.
 */
import { CryptoError } from '../primitives/errors.ts';

export class CanonicalJsonError extends CryptoError<'NOT_CANONICAL' | 'TOO_DEEP'> {}

/** Deepest nesting accepted; signed objects of the protocol have four levels. */
const MAX_DEPTH = 32;

/** Canonical text of a JSON value. Keys with the value undefined are left out, as JSON.stringify does. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw new CanonicalJsonError('TOO_DEEP');
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.toWellFormed());
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0))
        throw new CanonicalJsonError('NOT_CANONICAL', 'number');
      return String(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
      return canonicalObject(value as Record<string, unknown>, depth);
    default:
      throw new CanonicalJsonError('NOT_CANONICAL', typeof value);
  }
}

function canonicalObject(value: Record<string, unknown>, depth: number): string {
  const parts: string[] = [];
  for (const key of Object.keys(value).sort(byCodePoint)) {
    const item = value[key];
    if (item !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(item, depth + 1)}`);
  }
  return `{${parts.join(',')}}`;
}

/** Code-point order; `sort()` alone is UTF-16 order, which puts U+E000 to U+FFFF after the surrogates. */
function byCodePoint(a: string, b: string): number {
  let i = 0;
  while (i < a.length && i < b.length) {
    const left = a.codePointAt(i) ?? 0;
    const right = b.codePointAt(i) ?? 0;
    if (left !== right) return left - right;
    i += left > 0xffff ? 2 : 1;
  }
  return a.length - b.length;
}
