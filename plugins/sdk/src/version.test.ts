import { expect, test } from 'vitest';
import { isCompatible } from './version.ts';

// Expected values: node-semver's satisfies().
test.each([
  ['0.1.0', '0.1.0', true],
  ['0.1.0', '0.1.1', false],
  ['~0.1.0', '0.1.9', true],
  ['~0.1.2', '0.1.1', false],
  ['~1.2.0', '1.3.0', false],
  ['^0.1.0', '0.1.9', true],
  ['^0.1.0', '0.2.0', false],
  ['^0.0.3', '0.0.4', false],
  ['^1.2.3', '1.9.0', true],
  ['^1.2.3', '1.2.2', false],
  ['^1.2.3', '2.0.0', false],
  ['latest', '1.0.0', false],
])('%s takes %s: %s', (range, version, expected) => {
  expect(isCompatible(range, version)).toBe(expected);
});
