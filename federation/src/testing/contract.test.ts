import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../spec/endpoints/all.ts';
import { matchEndpoint } from '../spec/match-endpoint.ts';
import { openContract, type Contract } from './contract.ts';
import { COVERAGE_FOLDER, recordCoverage } from './coverage-recorder.ts';
import { findSpecData } from './spec-data.ts';

const data = findSpecData();
if (data === undefined) console.warn('skipped: ../shared/matrix-spec is not beside this checkout');

describe('matchEndpoint', () => {
  test.each([
    ['GET', '/_matrix/client/v3/sync', 'client/sync'],
    ['GET', '/_matrix/client/r0/sync', 'client/sync'],
    ['PUT', '/_matrix/client/v3/rooms/!a:b/state/m.room.name/', 'client/setRoomStateWithKey'],
    ['PUT', '/_matrix/client/v3/rooms/!a:b/state/m.room.name', 'client/setRoomStateWithKey'],
    ['GET', '/_matrix/key/v2/server', 'federation/getServerKey'],
    ['PUT', '/_matrix/federation/v2/send_join/!r:a/$e', 'federation/sendJoinV2'],
    ['GET', '/_matrix/client/v3/pushrules/global/', 'client/getPushRulesGlobal'],
  ])('%s %s', (method, path, id) => expect(matchEndpoint(method, path)?.id).toBe(id));

  test('finds nothing for an unknown path or method', () => {
    expect(matchEndpoint('GET', '/_matrix/client/v3/nothing')).toBeUndefined();
    expect(matchEndpoint('PATCH', '/_matrix/client/v3/sync')).toBeUndefined();
  });
});

describe.skipIf(data === undefined)('the contract', () => {
  let contract: Contract;
  // Not in the body above: that runs even where all tests of it are skipped.
  beforeAll(() => {
    contract = openContract(data ?? '');
  });

  test('compiles the answer of every operation', () => {
    for (const endpoint of ENDPOINTS)
      for (const status of [200, ...endpoint.otherStatuses]) {
        const path = endpoint.path.replace(/\{[^}]*\}/g, 'x');
        const verdict = contract.check({ method: endpoint.method, path, status, body: {} });
        expect(verdict.endpoint?.id).toBe(endpoint.id);
      }
  }, 60_000);

  test('accepts an answer that fits and names what does not', () => {
    const request = { method: 'PUT', path: '/_matrix/client/v3/rooms/!a:b/send/m.room.message/1' };
    expect(contract.check({ ...request, status: 200, body: { event_id: '$x' } }).valid).toBe(true);
    expect(contract.check({ ...request, status: 200, body: { event_id: 'x' } }).problems).toHaveLength(1);
    expect(contract.check({ ...request, status: 200, body: {} }).valid).toBe(false);
    expect(contract.check({ ...request, status: 200 }).valid).toBe(false);
  });

  test('follows references into other files', () => {
    const request = { method: 'GET', path: '/_matrix/client/v3/sync', status: 200 };
    expect(contract.check({ ...request, body: { next_batch: 's1' } }).valid).toBe(true);
    const body = { next_batch: 's1', rooms: { join: { '!a:b': { timeline: { events: 'none' } } } } };
    expect(contract.check({ ...request, body }).valid).toBe(false);
  });

  test('takes any standard error where the operation documents none', () => {
    const request = { method: 'GET', path: '/_matrix/client/v3/sync', status: 401 };
    expect(contract.check({ ...request, body: { errcode: 'M_MISSING_TOKEN', error: 'x' } }).valid).toBe(true);
    expect(contract.check({ ...request, body: { error: 'x' } }).valid).toBe(false);
    expect(contract.check({ ...request, body: 'oops' }).valid).toBe(false);
  });

  test('notes each kind of answer once', () => {
    const root = mkdtempSync(join(tmpdir(), 'nyx-coverage-'));
    try {
      const check = recordCoverage(contract, root);
      const request = { method: 'GET', path: '/_matrix/client/v3/sync' };
      check({ ...request, status: 200, body: { next_batch: 's1' } });
      check({ ...request, status: 200, body: { next_batch: 's2' } });
      check({ ...request, status: 401, body: { errcode: 'M_MISSING_TOKEN', error: 'x' } });
      const [file = ''] = readdirSync(join(root, COVERAGE_FOLDER));
      const lines = readFileSync(join(root, COVERAGE_FOLDER, file), 'utf8')
        .trim()
        .split('\n');
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        { operation: 'client/sync', status: 200, valid: true },
        { operation: 'client/sync', status: 401, valid: true, errcode: 'M_MISSING_TOKEN' },
      ]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
