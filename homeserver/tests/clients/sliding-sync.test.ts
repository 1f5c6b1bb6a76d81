import { MsgType, Preset, type MatrixClient } from 'matrix-js-sdk';
import { SlidingSync, type MSC3575List } from 'matrix-js-sdk/lib/sliding-sync.js';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createTestServer, type TestServer } from '../../src/testing/create-test-server.ts';
import { sdkFor, synced, type Sdk } from './sdk.ts';

let server: TestServer;
let sdk: Sdk;
let alice: MatrixClient;
let bob: MatrixClient;
let sliding: SlidingSync;
let rooms: string[];

const POLL_MS = 2_000;

/** A client that syncs by sliding sync, with a list of its rooms. */
const slide = async (client: MatrixClient, list: MSC3575List): Promise<SlidingSync> => {
  const subscription = { timeline_limit: 20, required_state: [['*', '*']] };
  const sync = new SlidingSync(server.url, new Map([['all', list]]), subscription, client, POLL_MS);
  await client.startClient({ slidingSync: sync, threadSupport: true });
  await synced(client, 'its first sync', () => client.isInitialSyncComplete());
  return sync;
};

beforeAll(async () => {
  for (const level of ['debug', 'info', 'trace', 'warn'] as const)
    vi.spyOn(console, level).mockImplementation(() => undefined);
  server = await createTestServer();
  sdk = sdkFor(server);
  alice = await sdk.register('alice');
  bob = await sdk.register('bob');
  rooms = [];
  for (let n = 0; n < 6; n++) {
    const { room_id: room } = await alice.createRoom({ name: `Room ${n}`, preset: Preset.PublicChat });
    await bob.joinRoom(room);
    await alice.sendMessage(room, { msgtype: MsgType.Text, body: `first words in ${n}` });
    rooms.push(room);
  }
  sliding = await slide(bob, {
    ranges: [[0, 2]],
    timeline_limit: 1,
    required_state: [
      ['m.room.create', ''],
      ['m.room.name', ''],
      ['m.room.member', '$ME'],
      ['m.room.member', '$LAZY'],
    ],
  });
});
afterEach(() => expect(sdk.problems).toEqual([]));
afterAll(async () => {
  sdk.stop();
  await server.close();
});

const bodies = (client: MatrixClient, room: string): unknown[] =>
  (client.getRoom(room)?.getLiveTimeline().getEvents() ?? []).map((event) => event.getContent().body);

it('knows the rooms of its window, and more as the window grows', async () => {
  const known = () => bob.getRooms().map(({ roomId }) => roomId);
  expect(new Set(known())).toEqual(new Set(rooms.slice(3)));
  expect(bob.getRoom(rooms[5])?.name).toBe('Room 5');
  expect(sliding.getListData('all')).toEqual({ joinedCount: 6 });
  sliding.setListRanges('all', [[0, 99]]);
  await synced(bob, 'all rooms', () => known().length === 6);
  expect(bodies(bob, rooms[0] ?? '')).toEqual(['first words in 0']);
});

it('shows messages, members, typing and receipts as they come', async () => {
  const [room = ''] = rooms;
  const { event_id: id } = await alice.sendMessage(room, { msgtype: MsgType.Text, body: 'hello, bob' });
  await synced(bob, 'the message', () => bodies(bob, room).includes('hello, bob'));
  expect(bob.getRoom(room)?.getMember(alice.getSafeUserId())?.membership).toBe('join');
  await alice.sendTyping(room, true, 20_000);
  await synced(bob, 'typing', () => bob.getRoom(room)?.getMember(alice.getSafeUserId())?.typing);
  const event = await synced(bob, 'the event', () => bob.getRoom(room)?.findEventById(id));
  await bob.sendReadReceipt(event);
  await synced(bob, 'the receipt', () => bob.getRoom(room)?.getEventReadUpTo(bob.getSafeUserId()) === id);
});

it('is told of an invite, joins and reads on', async () => {
  const { room_id: room } = await alice.createRoom({
    name: 'By invitation',
    preset: Preset.PrivateChat,
    invite: [bob.getSafeUserId()],
  });
  await synced(bob, 'the invite', () => bob.getRoom(room)?.getMyMembership() === 'invite');
  await bob.joinRoom(room);
  await synced(bob, 'the join', () => bob.getRoom(room)?.getMyMembership() === 'join');
  await alice.sendMessage(room, { msgtype: MsgType.Text, body: 'welcome' });
  await synced(bob, 'the welcome', () => bodies(bob, room).includes('welcome'));
});

it('has more history of a room it opens', async () => {
  const [, room = ''] = rooms;
  for (let n = 0; n < 4; n++) await alice.sendMessage(room, { msgtype: MsgType.Text, body: `more ${n}` });
  sliding.modifyRoomSubscriptions(new Set([room]));
  await synced(bob, 'all messages', () => {
    const seen = bodies(bob, room);
    return ['more 0', 'more 1', 'more 2', 'more 3'].every((body) => seen.includes(body));
  });
});
