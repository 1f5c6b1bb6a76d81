import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { HostilePeer, unknownEventId } from '../../src/testing/hostile-peer.ts';

// What a hostile peer sends is refused, is said so once in the log, and costs a bounded number of questions.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
let federation: TestFederation;
let nyx: TestServer;
let alice: TestUser;
let fake: FakeServer;
let target: string;

beforeAll(async () => {
  federation = await createFederation(1);
  const [server] = federation.servers;
  if (server === undefined) throw new Error('no server');
  nyx = server;
  target = nyx.config.server.name;
  alice = await nyx.register('alice');
  fake = await FakeServer.start(federation.authority);
});
afterAll(async () => {
  await fake[Symbol.asyncDispose]();
  await federation[Symbol.asyncDispose]();
});

const createRoom = async (preset: string): Promise<string> =>
  (await alice.ok('POST', `${v3}/createRoom`, { preset, room_version: '11' })).room_id;
const refusals = () => nyx.logLines.filter(({ msg }) => msg === 'refused an event');

test.each([
  ['a wrong signature', (peer: HostilePeer) => ({ ...peer.event().json, signatures: {} })],
  [
    'an event for a room that nobody here is in',
    (peer: HostilePeer) => ({ ...peer.event().json, room_id: '!no:where' }),
  ],
  [
    'an event beyond the size limit',
    (peer: HostilePeer) => ({ ...peer.event().json, content: { body: 'x'.repeat(70_000) } }),
  ],
  [
    'power that nobody gave it',
    (peer: HostilePeer) =>
      peer.event({ type: 'm.room.power_levels', stateKey: '', content: { users: { [peer.user]: 100 } } })
        .json,
  ],
] as const)('%s is refused and logged once, and good events land', async (_name, make) => {
  const peer = await HostilePeer.join(fake, target, await createRoom('public_chat'));
  const before = refusals().length;
  const bad: JsonObject = make(peer);
  const good = peer.message('good');
  await peer.send([bad, good.json]);
  expect(refusals().slice(before)).toHaveLength(1);
  expect(refusals().at(-1)).toMatchObject({ origin: fake.name });
  const { chunk } = await alice.ok(
    'GET',
    `${v3}/rooms/${encodeURIComponent(peer.room)}/messages?dir=b&limit=3`,
  );
  expect(JSON.stringify(chunk)).toContain('good');
});

test('what is said into a private room by a server that is not in it is not heard', async () => {
  const peer = await HostilePeer.join(fake, target, await createRoom('public_chat'));
  const room = await createRoom('private_chat');
  const state = (await alice.ok('GET', `${v3}/rooms/${encodeURIComponent(room)}/state`)) as {
    type: string;
    event_id: string;
  }[];
  const before = refusals().length;
  const intruder = new Proxy(peer, {
    get: (from, key) => (key === 'room' ? room : Reflect.get(from, key, from)),
  });
  const event = HostilePeer.prototype.event.call(intruder, {
    prevEvents: state.slice(-1).map(({ event_id: id }) => id as ReturnType<typeof unknownEventId>),
    content: { msgtype: 'm.text', body: 'intruder' },
  });
  await peer.send([event.json]);
  expect(refusals().length - before).toBe(1);
  const { chunk } = await alice.ok('GET', `${v3}/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=3`);
  expect(JSON.stringify(chunk)).not.toContain('intruder');
});

test('two events under one id cannot be: the second is another event, or the same with its content gone', async () => {
  const peer = await HostilePeer.join(fake, target, await createRoom('public_chat'));
  const { json, eventId } = peer.message('first');
  await peer.send([json]);
  await peer.send([{ ...json, content: { msgtype: 'm.text', body: 'second' } }]);
  const path = `${v3}/rooms/${encodeURIComponent(peer.room)}/event/${encodeURIComponent(eventId)}`;
  expect((await alice.ok('GET', path)).content.body).toBe('first');
});

test('an endless chain costs a few questions each time it is offered', async () => {
  const peer = await HostilePeer.join(fake, target, await createRoom('public_chat'));
  let asked = 0;
  const count = () => {
    asked++;
    return { events: [], auth_chain: [], pdus: [] };
  };
  fake.on('POST', /get_missing_events/, count).on('GET', /event_auth|state/, count);
  const started = performance.now();
  for (let index = 0; index < 20; index++)
    await peer.send([peer.event({ prevEvents: [unknownEventId(`c${index}`)], depth: 1_000 + index }).json]);
  // One question for the gap and one for the state for each; what comes again later is at most 200 events per room.
  expect(asked).toBeLessThanOrEqual(20 * 3 + 20);
  expect(performance.now() - started).toBeLessThan(60_000);
  const waiting = nyx.server.context.foundation.db.collection('federation_staged');
  expect(await waiting.countDocuments({ room: peer.room })).toBeLessThanOrEqual(200);
  const good = peer.message('still here');
  await peer.send([good.json]);
  const { chunk } = await alice.ok(
    'GET',
    `${v3}/rooms/${encodeURIComponent(peer.room)}/messages?dir=b&limit=3`,
  );
  expect(JSON.stringify(chunk)).toContain('still here');
});
