import { describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../spec/endpoints/all.ts';
import { anonymous, judge, renderCoverage } from './coverage.ts';

const [send] = ENDPOINTS.filter(({ id }) => id === 'client/sendMessage');
if (send === undefined) throw new Error('client/sendMessage is not in the table');
const ok = { operation: send.id, status: 200, valid: true };
const denied = { operation: send.id, status: 403, valid: true, errcode: 'M_FORBIDDEN' };

describe('judging an operation', () => {
  test('served takes a validated success and a documented error', () => {
    expect(judge(send, [ok, denied], new Set()).status).toBe('served');
    expect(judge(send, [ok], new Set()).status).toBe('partly');
    expect(judge(send, [denied], new Set()).status).toBe('not yet');
  });

  test('an invalid answer spoils it', () => {
    expect(judge(send, [ok, denied, { ...ok, valid: false, problems: ['x'] }], new Set()).status).toBe(
      'partly',
    );
  });

  test('an answer of a server that does not know the route is no error of the operation', () => {
    expect(judge(send, [ok, { ...denied, errcode: 'M_UNRECOGNIZED' }], new Set()).status).toBe('partly');
  });

  test('what is off by design is off when it was seen to be refused', () => {
    const [bind] = ENDPOINTS.filter(({ id }) => id === 'client/bind3PID');
    if (bind === undefined) throw new Error('client/bind3PID is not in the table');
    const refused = { operation: bind.id, status: 403, valid: true, errcode: 'M_THREEPID_DENIED' };
    expect(judge(bind, [refused], new Set()).status).toBe('off');
    expect(judge(bind, [], new Set()).status).toBe('not yet');
    expect(judge(bind, [{ ...refused, valid: false }], new Set()).status).toBe('not yet');
  });

  test('other operations do not count', () => {
    expect(judge(send, [{ ...ok, operation: 'client/sync' }], new Set()).status).toBe('not yet');
  });

  test('a mounted route is partly, whatever its parameters are called', () => {
    const route = `PUT ${anonymous('/_matrix/client/v3/rooms/:room/send/:type/:txn')}`;
    expect(judge(send, [], new Set([route])).status).toBe('partly');
  });

  test('the document lists each operation', () => {
    const text = renderCoverage(ENDPOINTS.map((endpoint) => judge(endpoint, [ok, denied], new Set())));
    expect(text).toContain('166 operations: 1 served, 0 off, 0 partly, 165 not yet.');
    expect(text.split('\n').filter((line) => line.startsWith('| ['))).toHaveLength(202);
  });
});
