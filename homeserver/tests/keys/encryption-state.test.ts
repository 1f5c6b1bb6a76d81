import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

const V3 = '/_matrix/client/v3';
const MEGOLM = 'm.megolm.v1.aes-sha2';

let server: TestServer;
let alice: TestUser;
beforeAll(async () => {
  server = await createTestServer();
  alice = await server.register('alice');
});
afterAll(() => server.close());

const roomWith = async (content?: object): Promise<string> => {
  const { room_id: room } = await alice.ok('POST', `${V3}/createRoom`, {
    initial_state: content === undefined ? [] : [{ type: 'm.room.encryption', state_key: '', content }],
  });
  return `${V3}/rooms/${encodeURIComponent(room)}`;
};
const set = (path: string, content: object) =>
  alice.request('PUT', `${path}/state/m.room.encryption/`, { body: content });
const current = (path: string) => alice.ok('GET', `${path}/state/m.room.encryption/`);

const STRONG = { algorithm: MEGOLM, rotation_period_ms: 86_400_000, rotation_period_msgs: 50, strict: true };

it.each([
  ['nothing', {}, 400],
  ['no algorithm', { algorithm: null }, 400],
  ['an empty algorithm', { algorithm: '' }, 400],
  ['another algorithm', { ...STRONG, algorithm: 'org.example.rot13' }, 403],
  ['keys that live longer', { ...STRONG, rotation_period_ms: 86_400_001 }, 403],
  ['keys for more messages', { ...STRONG, rotation_period_msgs: 51 }, 403],
  ['the usual life of keys', { algorithm: MEGOLM, strict: true }, 403],
  ['a life that is no number', { ...STRONG, rotation_period_ms: 'long' }, 403],
  ['a promise taken back', { ...STRONG, strict: false }, 403],
])('cannot be weakened to %s', async (_name, content, status) => {
  const path = await roomWith(STRONG);
  expect((await set(path, content)).status).toBe(status);
  expect(await current(path)).toEqual(STRONG);
});

it('can be turned on and made stronger', async () => {
  const path = await roomWith();
  expect((await set(path, { algorithm: MEGOLM })).status).toBe(200);
  expect((await set(path, { algorithm: MEGOLM, rotation_period_msgs: 10 })).status).toBe(200);
  expect((await set(path, { algorithm: 'chat.nyx.epoch.v1', rotation_period_msgs: 10 })).status).toBe(200);
  expect((await set(path, { algorithm: MEGOLM, rotation_period_msgs: 10 })).status).toBe(403);
  expect((await current(path)).algorithm).toBe('chat.nyx.epoch.v1');
});

it('cannot be redacted, by neither of the two ways', async () => {
  const path = await roomWith(STRONG);
  const state: { type: string; event_id: string }[] = await alice.ok('GET', `${path}/state`);
  const { event_id: id } = state.find(({ type }) => type === 'm.room.encryption') ?? { event_id: '' };
  const redaction = await alice.request('PUT', `${path}/redact/${encodeURIComponent(id)}/t1`, { body: {} });
  expect([redaction.status, redaction.body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  const sent = await alice.request('PUT', `${path}/send/m.room.redaction/t2`, { body: { redacts: id } });
  expect(sent.status).toBe(403);
  expect(await current(path)).toEqual(STRONG);
});

it('goes on in the room that replaces it', async () => {
  const path = await roomWith(STRONG);
  const { replacement_room: next } = await alice.ok('POST', `${path}/upgrade`, { new_version: '12' });
  expect(await current(`${V3}/rooms/${encodeURIComponent(next)}`)).toEqual(STRONG);
});
