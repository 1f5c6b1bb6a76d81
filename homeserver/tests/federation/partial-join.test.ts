import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { startKillable } from '../../src/testing/killable-server.ts';
import { LargeRoom } from '../../src/testing/large-room.ts';

// A join without the members: the room is usable at once, and they follow (spec: PUT send_join, omit_members).
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
const part = encodeURIComponent;

let federation: TestFederation;
let nyx: TestServer;

beforeAll(async () => {
  federation = await createFederation(1);
  const [server] = federation.servers;
  if (server === undefined) throw new Error('no server');
  nyx = server;
});
afterAll(() => federation[Symbol.asyncDispose]());

type Event = { type: string; sender: string; content: JsonObject };
const roomPath = ({ room }: LargeRoom) => `${v3}/rooms/${part(room)}`;
const bodies = async (user: TestUser, room: LargeRoom): Promise<unknown[]> => {
  const { chunk } = await user.ok('GET', `${roomPath(room)}/messages?dir=b&limit=20`);
  return (chunk as Event[])
    .filter(({ type }) => type === 'm.room.message')
    .map(({ content }) => content.body);
};
const closed = () => Promise.withResolvers<undefined>();

describe('a room whose members are slow to come', () => {
  test('is read, written and heard in, and whole in the end', async () => {
    await using fake = await FakeServer.start(federation.authority);
    const room = new LargeRoom(fake, { members: 60, messages: 30 });
    const { promise, resolve: open } = closed();
    room.gate = promise;
    const bob = await nyx.register('patient');
    await bob.ok('POST', `${v3}/join/${part(room.room)}?via=${fake.name}`, {});
    expect(room.asked).toBe(1);
    // What is there is read, written and heard.
    const newest = Array.from({ length: 19 }, (_, index) => `message ${29 - index}`);
    expect(await bodies(bob, room)).toEqual(newest);
    await bob.ok('PUT', `${roomPath(room)}/send/m.room.message/1`, { msgtype: 'm.text', body: 'hello' });
    await expect
      .poll(() => room.sent.map(({ type }) => type), { timeout: 30_000 })
      .toContain('m.room.message');
    const heard = room.message(42, 'from a member nobody knows yet');
    const answer = await fake.sendTransaction(nyx.config.server.name, { pdus: [heard.json] });
    expect(answer.json).toEqual({ pdus: { [heard.eventId]: {} } });
    expect((await bodies(bob, room)).slice(0, 2)).toContain('from a member nobody knows yet');
    const lazy = JSON.stringify({ room: { state: { lazy_load_members: true } } });
    const sync = await bob.ok('GET', `${v3}/sync?filter=${part(lazy)}`);
    expect(Object.keys(sync.rooms.join)).toContain(room.room);
    // Who needs the members waits for them: a client that asks, one that loads them all, and another server.
    const waiting = [
      bob.ok('GET', `${roomPath(room)}/joined_members`).then(({ joined }) => Object.keys(joined).length),
      bob
        .ok('GET', `${v3}/sync`)
        .then((all) => all.rooms.join[room.room].state.events as Event[])
        .then((events) => events.filter(({ type }) => type === 'm.room.member').length),
      bob
        .ok('POST', `${roomPath(room)}/ban`, { user_id: `@member7:${fake.name}` })
        .then(() => 'banned')
        .catch((error: unknown) => String(error)),
    ];
    const settled = vi.fn();
    for (const each of waiting) void each.then(settled);
    await bob.ok('GET', `${roomPath(room)}/state/m.room.join_rules/`);
    expect(settled).not.toHaveBeenCalled();
    open(undefined);
    const [joined, told, ban] = await Promise.all(waiting);
    expect(joined).toBe(61);
    expect(Number(told)).toBeGreaterThanOrEqual(60);
    expect(ban).toContain('M_FORBIDDEN');
    // One fetch: the job went on with what the join had begun.
    expect(room.asked).toBe(1);
    const later = room.message(43, 'once all are known');
    await fake.sendTransaction(nyx.config.server.name, { pdus: [later.json] });
    expect(await bodies(bob, room)).toContain('once all are known');
  });

  test('what somebody banned got in meanwhile, by a join of old, is told of', async () => {
    await using fake = await FakeServer.start(federation.authority);
    const room = new LargeRoom(fake, { members: 20, messages: 5, banned: 3 });
    const { promise, resolve: open } = closed();
    room.gate = promise;
    const dave = await nyx.register('deceived');
    await dave.ok('POST', `${v3}/join/${part(room.room)}?via=${fake.name}`, {});
    const before = room.message(3, 'from beyond');
    await fake.sendTransaction(nyx.config.server.name, { pdus: [before.json] });
    open(undefined);
    await dave.ok('GET', `${roomPath(room)}/joined_members`);
    const told = () =>
      nyx.logLines.find(({ msg }) => msg === 'events came in before the members that forbid them');
    await expect.poll(told, { timeout: 30_000 }).toMatchObject({ events: [before.eventId] });
    // From now on the same is refused.
    const after = room.message(3, 'again');
    await fake.sendTransaction(nyx.config.server.name, { pdus: [after.json] });
    expect(await bodies(dave, room)).not.toContain('again');
  });
});

test('a room whose members come at once is whole from the start', async () => {
  await using fake = await FakeServer.start(federation.authority);
  const room = new LargeRoom(fake, { members: 10, messages: 2 });
  const bob = await nyx.register('quick');
  await bob.ok('POST', `${v3}/join/${part(room.room)}?via=${fake.name}`, {});
  expect(
    await nyx.server.context.foundation.db
      .collection('stateLayers')
      .countDocuments({ 'p.e': { $exists: true }, r: room.room }),
  ).toBe(0);
  expect(Object.keys((await bob.ok('GET', `${roomPath(room)}/joined_members`)).joined)).toHaveLength(11);
});

test('the members follow when the process is killed in between', async () => {
  await using fake = await FakeServer.start(federation.authority);
  const room = new LargeRoom(fake, { members: 40, messages: 5 });
  const { promise, resolve: open } = closed();
  room.gate = promise;
  await using server = await startKillable(federation.authority, federation.caFile);
  const registered = await server.ok('POST', `${v3}/register`, {
    username: 'bob',
    password: 'correct horse battery staple',
    auth: { type: 'm.login.dummy' },
  });
  const token = String(registered.access_token);
  await server.ok('POST', `${v3}/join/${part(room.room)}?via=${fake.name}`, {}, token);
  await server.kill();
  open(undefined);
  await server.start();
  const { joined } = await server.ok('GET', `${roomPath(room)}/joined_members`, undefined, token);
  expect(Object.keys(joined as object)).toHaveLength(41);
  expect(room.asked).toBeGreaterThan(1);
  const heard = room.message(20, 'after all');
  await fake.sendTransaction(server.name, { pdus: [heard.json] });
  const { chunk } = await server.ok('GET', `${roomPath(room)}/messages?dir=b&limit=5`, undefined, token);
  expect((chunk as Event[]).map(({ content }) => content.body)).toContain('after all');
});
