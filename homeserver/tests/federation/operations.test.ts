import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import { RULES, type RoomVersion } from '@nyx/federation/room-versions/rules.ts';
import { signEvent } from '@nyx/federation/signing/sign-event.ts';
import { isEventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { FakeServer, type FakeResponse } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { HostilePeer, unknownEventId } from '../../src/testing/hostile-peer.ts';
import { checkContract } from '../../src/testing/test-contract.ts';

// Every operation of the Server-Server API as another server uses it: what it gets, and what it is refused.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
const v1 = '/_matrix/federation/v1';
const v2 = '/_matrix/federation/v2';
const part = encodeURIComponent;

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
  fake.observe = ({ method, path }, { status, text, json }) => {
    const isJson = text.startsWith('{') || text.startsWith('[');
    checkContract({ method, path, status, contentType: isJson ? 'application/json' : undefined, body: json });
  };
});
afterAll(async () => {
  await fake[Symbol.asyncDispose]();
  await federation[Symbol.asyncDispose]();
});

const get = (path: string) => fake.send(target, { method: 'GET', path });
const put = (path: string, content: JsonObject) => fake.send(target, { method: 'PUT', path, content });
const post = (path: string, content: JsonObject) => fake.send(target, { method: 'POST', path, content });
const object = (value: JsonValue | undefined): JsonObject => {
  if (value === undefined || !isJsonObject(value)) throw new Error(`not an object: ${JSON.stringify(value)}`);
  return value;
};
const told = ({ status, json }: FakeResponse) => [status, isJsonObject(json) ? json.errcode : undefined];

const createRoom = async (more: Record<string, unknown> = {}): Promise<RoomId> => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { preset: 'public_chat', ...more });
  if (!isRoomId(room)) throw new Error('no room');
  return room;
};

/** A membership that our server templated, completed and signed. */
const completed = async (kind: 'join' | 'knock' | 'leave', room: RoomId, user: string) => {
  const versions = kind === 'leave' ? '' : '?ver=10&ver=11&ver=12';
  const template = await get(`${v1}/make_${kind}/${part(room)}/${part(user)}${versions}`);
  if (template.status !== 200) throw new Error(template.text);
  const { room_version: version, event } = object(template.json);
  const rules = RULES[version as RoomVersion];
  return signEvent(rules, { ...object(event), origin_server_ts: Date.now() }, fake.signer);
};

describe('memberships', () => {
  test('join, state and leave, and what is not as the path says', async () => {
    const room = await createRoom();
    const user = `@joiner:${fake.name}`;
    const join = await completed('join', room, user);
    const wrong = `${v2}/send_join/${part(room)}/${part(unknownEventId('x'))}`;
    expect(told(await put(wrong, join.json))).toEqual([400, 'M_INVALID_PARAM']);
    const joined = await put(`${v2}/send_join/${part(room)}/${part(join.eventId)}`, join.json);
    expect([joined.status, object(joined.json).members_omitted]).toEqual([200, false]);
    const leave = await completed('leave', room, user);
    const elsewhere = `${v2}/send_leave/${part('!none:example.org')}/${part(leave.eventId)}`;
    expect(told(await put(elsewhere, leave.json))).toEqual([404, 'M_NOT_FOUND']);
    const left = await put(`${v2}/send_leave/${part(room)}/${part(leave.eventId)}`, leave.json);
    expect(left.status).toBe(200);
  });

  test('the first versions of join and leave wrap their answers', async () => {
    const room = await createRoom();
    const user = `@old:${fake.name}`;
    for (const kind of ['join', 'leave'] as const) {
      const { json, eventId } = await completed(kind, room, user);
      const answer = await put(`${v1}/send_${kind}/${part(room)}/${part(eventId)}`, json);
      expect(Array.isArray(answer.json) && answer.json[0]).toBe(200);
    }
    const stray = await completed('leave', room, user).catch((error: unknown) => String(error));
    expect(stray).toContain('M_FORBIDDEN');
    for (const kind of ['join', 'leave'] as const) {
      const path = `${v1}/send_${kind}/${part('!none:example.org')}/${part(unknownEventId('x'))}`;
      expect(told(await put(path, {}))).toEqual([404, 'M_NOT_FOUND']);
    }
  });

  test('a knock shows the room to who knocks', async () => {
    const joinRules = { type: 'm.room.join_rules', state_key: '', content: { join_rule: 'knock' } };
    const room = await createRoom({ preset: 'private_chat', name: 'Door', initial_state: [joinRules] });
    const knock = await completed('knock', room, `@knocker:${fake.name}`);
    const path = `${v1}/send_knock/${part(room)}/${part(knock.eventId)}`;
    const answer = await put(path, knock.json);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Door');
    const closed = await createRoom({ preset: 'private_chat' });
    expect(told(await put(`${v1}/send_knock/${part(closed)}/${part(knock.eventId)}`, knock.json))).toEqual([
      400,
      'M_INVALID_PARAM',
    ]);
  });

  test('invites are signed for users who exist', async () => {
    const rules = RULES['11'];
    const room = '!invites:example.org';
    const invite = (user: string) => {
      const event = {
        room_id: room,
        origin: fake.name,
        type: 'm.room.member',
        state_key: user,
        sender: `@inviter:${fake.name}`,
        content: { membership: 'invite' },
        prev_events: [unknownEventId('prev')],
        auth_events: [unknownEventId('auth')],
        depth: 5,
        origin_server_ts: Date.now(),
      };
      return signEvent(rules, event, fake.signer);
    };
    const good = invite(alice.userId);
    const body = (event: JsonObject) => ({ room_version: '11', event, invite_room_state: [] });
    const signed = await put(`${v2}/invite/${part(room)}/${part(good.eventId)}`, body(good.json));
    expect(signed.status).toBe(200);
    expect(Object.keys(object(object(object(signed.json).event).signatures)).sort()).toEqual(
      [fake.name, target].sort(),
    );
    const stranger = invite(`@nobody:${target}`);
    const refused = await put(`${v2}/invite/${part(room)}/${part(stranger.eventId)}`, body(stranger.json));
    expect(told(refused)).toEqual([403, 'M_FORBIDDEN']);
  });

  test('invites of the first kind name their ids', async () => {
    const eventId = `$old:${fake.name}`;
    const room = `!old:${fake.name}`;
    if (!isEventId(eventId)) throw new Error('no id');
    const { json } = signEvent(
      RULES['1'],
      {
        event_id: eventId,
        room_id: room,
        origin: fake.name,
        type: 'm.room.member',
        state_key: alice.userId,
        sender: `@inviter:${fake.name}`,
        content: { membership: 'invite' },
        prev_events: [],
        auth_events: [],
        depth: 2,
        origin_server_ts: 1,
      },
      fake.signer,
    );
    const answer = await put(`${v1}/invite/${part(room)}/${part(eventId)}`, json);
    expect(answer.status).toBe(200);
    const other = await put(`${v1}/invite/${part('!other:example.org')}/${part(eventId)}`, json);
    expect(told(other)).toEqual([400, 'M_INVALID_PARAM']);
  });
});

describe('events', () => {
  test('missing ones are told to a server in the room, and to no other', async () => {
    const peer = await HostilePeer.join(fake, target, await createRoom({ room_version: '11' }));
    const first = peer.message('first');
    const second = peer.message('second');
    await peer.send([first.json, second.json]);
    const asked = { earliest_events: [], latest_events: [second.eventId], limit: 1 };
    const answer = await post(`${v1}/get_missing_events/${part(peer.room)}`, asked);
    expect(object(answer.json).events).toEqual([first.json]);
    const closed = await createRoom({ preset: 'private_chat' });
    expect(told(await post(`${v1}/get_missing_events/${part(closed)}`, asked))).toEqual([403, 'M_FORBIDDEN']);
  });
});

describe('queries', () => {
  test('of an alias, a profile, and of what nobody knows', async () => {
    const alias = `#asked:${target}`;
    const room = await createRoom({ room_alias_name: 'asked' });
    const found = await get(`${v1}/query/directory?room_alias=${part(alias)}`);
    expect(object(found.json)).toMatchObject({ room_id: room });
    const unknown = await get(`${v1}/query/directory?room_alias=${part(`#none:${target}`)}`);
    expect(told(unknown)).toEqual([404, 'M_NOT_FOUND']);
    await alice.ok('PUT', `${v3}/profile/${part(alice.userId)}/displayname`, { displayname: 'Alice' });
    // A path may be written with any character of it encoded.
    const profile = await get(`${v1}/query/%70rofile?user_id=${part(alice.userId)}&field=displayname`);
    expect(profile.json).toEqual({ displayname: 'Alice' });
    expect(told(await get(`${v1}/query/%64irectory?room_alias=${part(alias)}`))[0]).toBe(200);
    expect(told(await get(`${v1}/query/weather`))).toEqual([404, 'M_NOT_FOUND']);
  });

  test('of the public rooms, with a filter', async () => {
    const room = await createRoom({ visibility: 'public', name: 'Aquarium' });
    const found = await post(`${v1}/publicRooms`, { filter: { generic_search_term: 'aquarium' } });
    expect(object(found.json)).toMatchObject({ chunk: [{ room_id: room, name: 'Aquarium' }] });
    expect(told(await post(`${v1}/publicRooms`, { limit: 'many' }))).toEqual([400, 'M_BAD_JSON']);
  });

  test('of keys through the notary', async () => {
    const query = { server_keys: { [fake.name]: {}, [target]: {} } };
    const answer = await post('/_matrix/key/v2/query', query);
    const keys = object(answer.json).server_keys;
    expect(Array.isArray(keys) && keys.map((entry) => object(entry).server_name).sort()).toEqual(
      [fake.name, target].sort(),
    );
    expect(told(await post('/_matrix/key/v2/query', { server_keys: 7 }))).toEqual([400, 'M_BAD_JSON']);
  });
});

describe('devices and keys', () => {
  test('of our users, and refused for those of others', async () => {
    const room = await createRoom({ room_version: '11' });
    await HostilePeer.join(fake, target, room, 'keys');
    const uploaded = { key: Buffer.alloc(32, 7).toString('base64').slice(0, 43) };
    await alice.ok('POST', `${v3}/keys/upload`, { one_time_keys: { 'curve25519:AAAA': uploaded.key } });
    const devices = await get(`${v1}/user/devices/${part(alice.userId)}`);
    expect(object(devices.json)).toMatchObject({ user_id: alice.userId });
    expect(told(await get(`${v1}/user/devices/${part('@other:example.org')}`))[0]).toBeGreaterThanOrEqual(
      400,
    );
    const queried = await post(`${v1}/user/keys/query`, { device_keys: { [alice.userId]: [] } });
    expect(object(object(queried.json).device_keys)).toBeDefined();
    expect(told(await post(`${v1}/user/keys/query`, { device_keys: 5 }))).toEqual([400, 'M_BAD_JSON']);
    const wanted = { one_time_keys: { [alice.userId]: { [alice.deviceId]: 'curve25519' } } };
    const claimed = await post(`${v1}/user/keys/claim`, wanted);
    expect(claimed.text).toContain(uploaded.key);
    expect((await post(`${v1}/user/keys/claim`, wanted)).text).not.toContain(uploaded.key);
    expect(told(await post(`${v1}/user/keys/claim`, { one_time_keys: [] }))).toEqual([400, 'M_BAD_JSON']);
  });
});

describe('media', () => {
  test('is given as it is or scaled, and what is not there is not found', async () => {
    const upload = await fetch(`${nyx.url}/_matrix/media/v3/upload?filename=a.gif`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.token}`, 'content-type': 'image/gif' },
      body: Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=', 'base64'),
    });
    const { content_uri: uri } = (await upload.json()) as { content_uri: string };
    const id = uri.split('/').at(-1) ?? '';
    for (const [kind, query, what] of [
      ['download', '', /GIF89a/],
      ['thumbnail', '?width=32&height=32', /^content-type: image\/(png|webp|jpeg|gif)\r$/im],
    ] as const) {
      const got = await get(`${v1}/media/${kind}/${id}${query}`);
      expect(got.status).toBe(200);
      expect(got.text).toMatch(what);
      expect(told(await get(`${v1}/media/${kind}/none${query}`))).toEqual([404, 'M_NOT_FOUND']);
    }
  });
});

test('a transaction is taken once', async () => {
  const path = `${v1}/send/${randomUUID()}`;
  const answer = await put(path, { origin: fake.name, origin_server_ts: 1, pdus: [] });
  expect(answer.json).toEqual({ pdus: {} });
  const forged = { origin: 'example.org', origin_server_ts: 1, pdus: [] };
  expect(told(await put(path, forged))).toEqual([403, 'M_FORBIDDEN']);
});
