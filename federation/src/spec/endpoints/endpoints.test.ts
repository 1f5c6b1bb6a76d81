import { describe, expect, test } from 'vitest';
import { readEndpointAreas } from '../../../scripts/endpoint-table.ts';
import { findSpecData } from '../../testing/spec-data.ts';
import { UNSTABLE_PATHS } from '../unstable-paths.ts';
import { ENDPOINTS } from './all.ts';

const data = findSpecData();
if (data === undefined) console.warn('skipped: ../shared/matrix-spec is not beside this checkout');

describe('the endpoint table', () => {
  test('holds 166 client and 36 federation operations, each once', () => {
    const ids = ENDPOINTS.map((endpoint) => endpoint.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => id.startsWith('client/'))).toHaveLength(166);
    expect(ids.filter((id) => id.startsWith('federation/'))).toHaveLength(36);
  });

  test('no two operations answer the same method and path', () => {
    const routes = ENDPOINTS.flatMap((endpoint) =>
      endpoint.history.map(({ path }) => `${endpoint.method} ${path.replace(/\{[^}]*\}/g, '{}')}`),
    );
    expect(routes.filter((route, index) => routes.indexOf(route) !== index)).toEqual([]);
  });

  test('every unstable path belongs to an operation', () => {
    const ids = new Set(ENDPOINTS.map((endpoint) => endpoint.id));
    expect(Object.keys(UNSTABLE_PATHS).filter((id) => !ids.has(id))).toEqual([]);
  });

  test.skipIf(data === undefined)('is what the specification says', () => {
    const expected = readEndpointAreas(data ?? '').flatMap((area) => area.endpoints);
    expect(ENDPOINTS).toEqual(expected);
  });
});
