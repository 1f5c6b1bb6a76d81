import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FakeServer, type FakeResponse } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { checkContract } from '../../src/testing/test-contract.ts';

// Spaces whose rooms are on several servers (spec: Client-Server API, Spaces; Server-Server API, GET hierarchy).
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
const v1 = '/_matrix/client/v1';
const part = encodeURIComponent;

let federation: TestFederation;
let one: TestServer;
let two: TestServer;
let alice: TestUser;
let bob: TestUser;
let fake: FakeServer;

beforeAll(async () => {
  federation = await createFederation(2);
  const [first, second] = federation.servers;
  if (first === undefined || second === undefined) throw new Error('no servers');
  one = first;
  two = second;
  alice = await one.register('alice');
  bob = await two.register('bob');
  fake = await FakeServer.start(federation.authority);
  fake.observe = ({ method, path }, { status, json }) => {
    checkContract({ method, path, status, contentType: 'application/json', body: json });
  };
});
afterAll(async () => {
  await fake[Symbol.asyncDispose]();
  await federation[Symbol.asyncDispose]();
});

const createRoom = async (
  user: TestUser,
  name: string,
  more: Record<string, unknown> = {},
): Promise<string> =>
  (await user.ok('POST', `${v3}/createRoom`, { preset: 'public_chat', name, ...more })).room_id;
const space = { creation_content: { type: 'm.space' } };
const addChild = (user: TestUser, parent: string, child: string, via: string, more = {}) =>
  user.ok('PUT', `${v3}/rooms/${part(parent)}/state/m.space.child/${part(child)}`, { via: [via], ...more });
type Found = { room_id: string; name?: string; children_state: { state_key: string }[] };
const walk = async (user: TestUser, room: string, query = ''): Promise<Found[]> =>
  (await user.ok('GET', `${v1}/rooms/${part(room)}/hierarchy${query}`)).rooms;
const ask = (room: string, query = ''): Promise<FakeResponse> =>
  fake.send(one.config.server.name, {
    method: 'GET',
    path: `/_matrix/federation/v1/hierarchy/${part(room)}${query}`,
  });

describe('a space of ours is told to other servers', () => {
  test('with the children that they could enter, and those that they could not', async () => {
    const root = await createRoom(alice, 'Root', space);
    const open = await createRoom(alice, 'Open');
    const closed = await createRoom(alice, 'Closed', { preset: 'private_chat' });
    const here = one.config.server.name;
    await addChild(alice, root, open, here, { suggested: true });
    await addChild(alice, root, closed, here);
    await addChild(alice, root, '!unknown:example.org', 'example.org');
    const answer = (await ask(root)).json;
    expect(answer).toMatchObject({
      room: { room_id: root, room_type: 'm.space' },
      children: [{ room_id: open, name: 'Open' }],
      inaccessible_children: [closed],
    });
    expect(JSON.stringify(answer)).not.toContain('Closed');
    const suggested = (await ask(root, '?suggested_only=true')).json;
    expect(suggested).toMatchObject({ children: [{ room_id: open }], inaccessible_children: [] });
  });

  test('but not a space that they have no way into', async () => {
    const secret = await createRoom(alice, 'Secret', { ...space, preset: 'private_chat' });
    expect((await ask(secret)).status).toBe(404);
    expect((await ask('!none:example.org')).status).toBe(404);
  });

  test('nor one whose access list keeps them out', async () => {
    const root = await createRoom(alice, 'Listed', space);
    expect((await ask(root)).status).toBe(200);
    await alice.ok('PUT', `${v3}/rooms/${part(root)}/state/m.room.server_acl/`, {
      allow: ['*'],
      allow_ip_literals: false,
    });
    expect((await ask(root)).status).toBe(404);
  });
});

describe('a user walks over servers', () => {
  test('from a space here to rooms there, and to the rooms of spaces there', async () => {
    const there = two.config.server.name;
    const leaf = await createRoom(bob, 'Leaf');
    const hidden = await createRoom(bob, 'Hidden', { preset: 'private_chat' });
    const branch = await createRoom(bob, 'Branch', space);
    await addChild(bob, branch, leaf, there);
    await addChild(bob, branch, hidden, there);
    const root = await createRoom(alice, 'Root', space);
    await addChild(alice, root, branch, there, { order: 'a' });
    await addChild(alice, root, leaf, there, { order: 'b' });
    const found = await walk(alice, root);
    expect(found.map(({ name }) => name)).toEqual(['Root', 'Branch', 'Leaf']);
    expect(found[1]?.children_state.map(({ state_key: key }) => key).sort()).toEqual([hidden, leaf].sort());
    expect((await walk(alice, root, '?max_depth=1')).map(({ name }) => name)).toEqual([
      'Root',
      'Branch',
      'Leaf',
    ]);
    const [first] = await walk(alice, root, '?limit=1');
    expect(first?.name).toBe('Root');
    const answer = await alice.ok('GET', `${v1}/rooms/${part(root)}/hierarchy?limit=2`);
    const rest = await walk(alice, root, `?from=${answer.next_batch}`);
    expect(rest.map(({ name }) => name)).toEqual(['Leaf']);
  });

  test('and is told of a single room there', async () => {
    const room = await createRoom(bob, 'Faraway');
    const via = `?via=${two.config.server.name}`;
    const summary = await alice.ok('GET', `${v1}/room_summary/${part(room)}${via}`);
    expect(summary).toMatchObject({ room_id: room, name: 'Faraway' });
    const closed = await createRoom(bob, 'Shut', { preset: 'private_chat' });
    expect((await alice.request('GET', `${v1}/room_summary/${part(closed)}${via}`)).status).toBe(404);
  });

  test('but what a server tells of a room that was not asked for is not believed', async () => {
    const wanted = '!wanted:example.org';
    fake.on('GET', /\/hierarchy\//, () => ({
      room: { room_id: '!other:example.org', name: 'Trap', join_rule: 'public', children_state: [] },
      children: [],
      inaccessible_children: [],
    }));
    const root = await createRoom(alice, 'Root', space);
    await addChild(alice, root, wanted, fake.name);
    expect((await walk(alice, root)).map(({ name }) => name)).toEqual(['Root']);
  });
});
