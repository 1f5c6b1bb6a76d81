import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../testing/properties.ts';
import { canonicalJson } from './canonical.ts';
import { parseJson } from './parse.ts';
import type { JsonValue } from './value.ts';

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.string());
const leaf = fc.oneof(fc.maxSafeInteger(), fc.nat(20), text, fc.boolean(), fc.constant(null));

const { value: jsonValue } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(text, tie('value'), { maxKeys: 8, noNullPrototype: true }),
  ),
}));

/** A second encoder, as slow and plain as can be: keys compared as lists of code points. */
function plainCanonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainCanonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const points = (key: string) => Array.from(key, (char) => char.codePointAt(0) ?? 0);
  const compare = (a: readonly number[], b: readonly number[]): number => {
    const index = a.findIndex((point, at) => point !== b[at]);
    return index < 0 ? a.length - b.length : (a[index] ?? 0) - (b[index] ?? -1);
  };
  const entries = Object.entries(value).sort(([a], [b]) => compare(points(a), points(b)));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${plainCanonical(item)}`).join(',')}}`;
}

describe('canonical JSON, for any value', () => {
  it('is what a second encoder writes', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(canonicalJson(value)).toBe(plainCanonical(value));
      }),
      runs(1000),
    );
  });

  it('means the same value, and encodes to itself again', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const canonical = canonicalJson(value);
        const again = parseJson(canonical);
        expect(again).toEqual(value);
        expect(canonicalJson(again)).toBe(canonical);
      }),
      runs(1000),
    );
  });

  it('is what the code in the specification writes: Python’s json', (context) => {
    const values = fc.sample(jsonValue, runs(500));
    // Spec: Appendices, Canonical JSON, the reference code. Input and output one value a line.
    const script = `import json, sys
for line in sys.stdin.buffer.read().decode("utf-8").split("\\n"):
    out = json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    sys.stdout.buffer.write(out.encode("utf-8") + b"\\n")`;
    const input = values.map((value) => JSON.stringify(value)).join('\n');
    const python = spawnSync('python3', ['-c', script], { input, encoding: 'utf8', maxBuffer: 2 ** 28 });
    if (python.error) {
      console.warn('skipped: no python3 to compare canonical JSON with');
      context.skip();
      return;
    }
    expect(python.stderr).toBe('');
    // Python leaves U+007F and line separators unescaped, as we do, so lines split at \n alone.
    expect(values.map((value) => canonicalJson(value))).toEqual(python.stdout.split('\n').slice(0, -1));
  });
});
