import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonValue } from '../json/value.ts';
import { runs } from '../testing/properties.ts';
import { isSurelyLarger } from './size.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'Z', ' ', '/'), maxLength: 20 });
/** Without escapes and numbers of several digits, of which only a part is counted. */
const { value: plain } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.nat(9),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

it('is never told of what fits, and always of what is twice as large', () => {
  fc.assert(
    fc.property(plain, (value) => {
      const size = canonicalJson(value).length;
      expect(isSurelyLarger(value, size)).toBe(false);
      expect(isSurelyLarger(value, Math.ceil(size / 2) - 1)).toBe(true);
    }),
    runs(1000),
  );
});

it('is never told of what fits, whatever is in it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const size = Buffer.byteLength(JSON.stringify(value));
      expect(isSurelyLarger(value as JsonValue, size)).toBe(false);
    }),
    runs(1000),
  );
});
