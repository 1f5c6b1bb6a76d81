import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { buildEvent, type EventDraft } from '@nyx/federation/events/builder.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { RULES } from '@nyx/federation/room-versions/rules.ts';
import { parseRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { parseUserId, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { HostilePeer, unknownEventId } from '../../src/testing/hostile-peer.ts';
import { LargeRoom } from '../../src/testing/large-room.ts';

// A server that is asked for the state before its event answers with one that is not the room's.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
const part = encodeURIComponent;
let federation: TestFederation;
let nyx: TestServer;
let alice: TestUser;

beforeAll(async () => {
  federation = await createFederation(1);
  const [server] = federation.servers;
  if (server === undefined) throw new Error('no server');
  nyx = server;
  alice = await nyx.register('alice');
});
afterAll(() => federation[Symbol.asyncDispose]());

type Event = { event_id: string; type: string; state_key: string; content: Record<string, unknown> };
const stateOf = async (room: string): Promise<readonly Event[]> =>
  alice.ok('GET', `${v3}/rooms/${part(room)}/state`);
const placeOf = ({ type, state_key: key, event_id: id }: Event) => `${type} ${key} ${id}`;
const places = async (room: string) => (await stateOf(room)).map(placeOf).sort();

/** Builds events of one user of the scripted server, each on top of those that authorise it. */
function author(fake: FakeServer, roomId: RoomId, sender: UserId) {
  return (change: Partial<EventDraft>, auth: readonly Pdu[]): Pdu =>
    buildEvent(
      RULES['11'],
      {
        roomId,
        type: 'm.room.message',
        sender,
        content: {},
        prevEvents: auth.slice(-1).map(({ eventId }) => eventId),
        authEvents: auth.map(({ eventId }) => eventId),
        depth: auth.length + 1,
        originServerTs: 1000 + auth.length,
        ...change,
      },
      fake.signer,
    );
}

/** A room in which its maker has all power: its create event, the maker's join, and power levels said twice. */
function ownRoom(fake: FakeServer, roomId: RoomId, maker: UserId) {
  const event = author(fake, roomId, maker);
  const levels = { type: 'm.room.power_levels', stateKey: '', content: { users: { [maker]: 100 } } };
  const create = event(
    { type: 'm.room.create', stateKey: '', content: { room_version: '11', again: true } },
    [],
  );
  const join = event({ type: 'm.room.member', stateKey: maker, content: { membership: 'join' } }, [create]);
  const first = event(levels, [create, join]);
  const second = event(levels, [create, join, first]);
  return { create, join, first, second };
}

/** Answers questions about state with these events, whatever is asked; and has them one by one. */
function answerState(fake: FakeServer, state: readonly string[], authChain: readonly Pdu[]): void {
  fake.on('GET', /\/v1\/state_ids\//, () => ({
    pdu_ids: [...state],
    auth_chain_ids: authChain.map(({ eventId }) => eventId),
  }));
  fake.on('GET', /\/v1\/event\//, ({ path }, response) => {
    const wanted = decodeURIComponent(path.split('/').at(-1) ?? '');
    const found = authChain.find(({ eventId }) => eventId === wanted);
    if (found !== undefined) return { origin: fake.name, origin_server_ts: 1, pdus: [found.json] };
    response.statusCode = 404;
    return { errcode: 'M_NOT_FOUND', error: 'no such event' };
  });
}

test('events of another room are no state: their power stays there', async () => {
  await using fake = await FakeServer.start(federation.authority);
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
    preset: 'public_chat',
    room_version: '11',
  });
  const peer = await HostilePeer.join(fake, nyx.config.server.name, room);
  const before = await places(room);
  const { create, join, first, second } = ownRoom(fake, parseRoomId(`!own:${fake.name}`), peer.user);
  const kept = (await stateOf(room)).filter(
    ({ type, state_key: key }) => type === 'm.room.create' || key === peer.user,
  );
  answerState(fake, [...kept.map(({ event_id: id }) => id), second.eventId], [create, join, first, second]);
  const fork = peer.event({ prevEvents: [unknownEventId('elsewhere')], content: { body: 'fork' } });
  expect((await peer.send([fork.json])).get(fork.eventId)).toMatch(/state/);
  expect(await places(room)).toEqual(before);
  const coup = peer.event({
    type: 'm.room.power_levels',
    stateKey: '',
    content: { users: { [peer.user]: 100 } },
  });
  expect((await peer.send([coup.json])).get(coup.eventId)).toMatch(/rejected/);
  // The way is still open for what is right.
  const good = peer.message('good');
  expect((await peer.send([good.json])).get(good.eventId)).toBeUndefined();
});

test.each(['in place of the room’s', 'beside the room’s'])('a second create event %s', async (where) => {
  await using fake = await FakeServer.start(federation.authority);
  const room = new LargeRoom(fake, { members: 3, messages: 2 });
  await alice.ok('POST', `${v3}/join/${part(room.room)}?via=${fake.name}`, {});
  await expect.poll(() => places(room.room), { timeout: 30_000 }).toHaveLength(8);
  const before = await places(room.room);
  const again = ownRoom(fake, room.room, parseUserId(`@member1:${fake.name}`));
  const listed = [again.create, again.join, again.first];
  const genuine = where.startsWith('beside') ? room.state.slice(0, 1) : [];
  answerState(
    fake,
    [...listed, ...genuine].map(({ eventId }) => eventId),
    listed,
  );
  fake.on('POST', /get_missing_events/, () => ({ events: [] }));
  const fork = room.message(1, 'fork', [again.second]);
  const answer = await fake.sendTransaction(nyx.config.server.name, { pdus: [fork.json] });
  expect(answer.json).toMatchObject({ pdus: { [fork.eventId]: { error: expect.stringMatching(/state/) } } });
  expect(await places(room.room)).toEqual(before);
  // Nor does anything come of what rests on it.
  fake.on('GET', /\/v1\/event_auth\//, () => ({ auth_chain: listed.map(({ json }) => json) }));
  const heir = author(
    fake,
    room.room,
    parseUserId(`@member1:${fake.name}`),
  )({ prevEvents: room.message(1, 'top').prevEvents, content: { body: 'heir' } }, listed);
  const inherited = await fake.sendTransaction(nyx.config.server.name, { pdus: [heir.json] });
  expect(inherited.json).toMatchObject({ pdus: { [heir.eventId]: { error: expect.any(String) } } });
});
