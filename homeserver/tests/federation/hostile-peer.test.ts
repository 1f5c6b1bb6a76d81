import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { signEvent } from '@nyx/federation/signing/sign-event.ts';
import { canonicalJson } from '@nyx/federation/json/canonical.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { SigningKey } from '@nyx/federation/signing/keys.ts';
import { parseUserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { checkContract } from '../../src/testing/test-contract.ts';
import { HostilePeer, unknownEventId } from '../../src/testing/hostile-peer.ts';

// Whole servers talk to each other here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
let federation: TestFederation;
let nyx: TestServer;
let alice: TestUser;
let fake: FakeServer;
let peer: HostilePeer;
let target: string;

beforeAll(async () => {
  federation = await createFederation(1);
  const [server] = federation.servers;
  if (server === undefined) throw new Error('no server');
  nyx = server;
  target = nyx.config.server.name;
  alice = await nyx.register('alice');
  fake = await FakeServer.start(federation.authority);
  fake.observe = ({ method, path }, { status, json }) => {
    checkContract({ method, path, status, contentType: 'application/json', body: json });
  };
});
afterAll(async () => {
  await fake[Symbol.asyncDispose]();
  await federation[Symbol.asyncDispose]();
});

beforeEach(async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
    preset: 'public_chat',
    room_version: '11',
  });
  peer = await HostilePeer.join(fake, target, room);
});

type Event = { event_id: string; type: string; sender: string; content: Record<string, unknown> };
const timeline = async (): Promise<Event[]> =>
  (await alice.ok('GET', `${v3}/rooms/${encodeURIComponent(peer.room)}/messages?dir=b&limit=100`)).chunk;
const bodies = async () =>
  (await timeline()).filter(({ type }) => type === 'm.room.message').map(({ content }) => content.body);

describe('good events land', () => {
  test('and are told to users', async () => {
    const sent = peer.message('good');
    expect(await peer.send([sent.json])).toEqual(new Map([[sent.eventId, undefined]]));
    expect(await bodies()).toEqual(['good']);
  });

  test('once, however often they are sent', async () => {
    const sent = peer.message('once');
    const first = await peer.send([sent.json, sent.json], 'same');
    expect(await peer.send([sent.json], 'same')).toEqual(first);
    await peer.send([sent.json]);
    expect(await bodies()).toEqual(['once']);
  });

  test('also a state event on a fork, which counts in what the fork is resolved to', async () => {
    const room = `${v3}/rooms/${encodeURIComponent(peer.room)}`;
    await alice.ok('PUT', `${room}/send/m.room.message/fork`, { msgtype: 'm.text', body: 'meanwhile' });
    const renamed = peer.event({
      type: 'm.room.member',
      stateKey: peer.user,
      content: { membership: 'join', displayname: 'Mallory' },
    });
    await peer.send([renamed.json]);
    const member = await alice.ok('GET', `${room}/state/m.room.member/${encodeURIComponent(peer.user)}`);
    expect(member.displayname).toBe('Mallory');
  });

  test('beside bad ones in the same transaction', async () => {
    const good = peer.message('survivor');
    const unsigned: JsonObject = { ...peer.event().json, signatures: {} };
    const huge = { ...peer.event().json, content: { body: 'x'.repeat(70_000) } };
    const nonsense = { room_id: peer.room, type: 5 };
    const foreign = { ...peer.event().json, room_id: '!elsewhere:example.org' };
    const answer = await peer.send([nonsense, unsigned, huge, foreign, {}, good.json]);
    expect(answer.get(good.eventId)).toBeUndefined();
    expect(await bodies()).toEqual(['survivor']);
  });
});

describe('events that cannot be read', () => {
  const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;

  test.each([
    ['a key twice', '{"depth":1,"depth":2}'],
    ['a lone surrogate', String.raw`{"type":"\ud800"}`],
    ['nesting that nobody reads', deep(20_000)],
    ['nesting that the transaction has room for', deep(900)],
    ['a number', '7'],
  ])('fail alone: %s', async (_name, bad) => {
    const before = peer.message('before');
    const after = peer.message('after');
    const texts = [canonicalJson(before.json), bad, canonicalJson(after.json)];
    expect(await peer.sendTexts(texts)).toEqual(
      new Map([
        [before.eventId, undefined],
        [after.eventId, undefined],
      ]),
    );
    expect(await bodies()).toEqual(['after', 'before']);
  });

  test('fail alone with a good signature around them', async () => {
    const { json, eventId } = peer.message('whole');
    const twice = canonicalJson(peer.event().json).replace('{', '{"depth":1,');
    expect(await peer.sendTexts([twice, canonicalJson(json)])).toEqual(new Map([[eventId, undefined]]));
    expect(await bodies()).toEqual(['whole']);
  });

  test('leave the limits, the origin and the signature of the transaction as they are', async () => {
    const bad = '{"a":1,"a":2}';
    const many = await peer.sendBody(peer.bodyOf(Array<string>(51).fill(bad)));
    expect(many.status).toBe(400);
    expect((await peer.sendBody(peer.bodyOf([bad], 'example.org'))).status).toBe(403);
    const forged = await fake.send(target, {
      method: 'PUT',
      path: '/_matrix/federation/v1/send/forged',
      content: { origin: fake.name, origin_server_ts: 1, pdus: [] },
      rawBody: peer.bodyOf([bad]),
    });
    expect(forged.status).toBe(401);
  });

  test('are refused where nothing else comes with them', async () => {
    const { eventId } = peer.event();
    const path = `/_matrix/federation/v2/send_leave/${encodeURIComponent(peer.room)}/${encodeURIComponent(eventId)}`;
    const answer = await peer.sendBody('{"depth":1,"depth":2}', path);
    expect([answer.status, answer.json]).toMatchObject([400, { errcode: 'M_NOT_JSON' }]);
  });

  test.each([
    ['a key twice beside the events', (body: string) => body.replace('{', '{"origin_server_ts":1,')],
    ['half a body', (body: string) => body.slice(0, -3)],
    ['nothing', () => ''],
    ['no origin', () => '{"origin_server_ts":1,"pdus":[]}'],
  ])('but not: %s', async (_name, spoil) => {
    const sent = peer.message('unheard');
    const body = spoil(peer.bodyOf([canonicalJson(sent.json)]));
    expect((await peer.sendBody(body)).status).toBe(400);
    expect(await bodies()).toEqual([]);
  });
});

describe('what a peer may ask', () => {
  const part = encodeURIComponent;
  const v1 = '/_matrix/federation/v1';
  const get = (path: string) => fake.send(target, { method: 'GET', path });

  test('events, states and history of a room that it is in', async () => {
    const { eventId } = peer.message('served');
    await peer.send([peer.last.json]);
    const room = part(peer.room);
    const id = part(eventId);
    for (const path of [
      `${v1}/event/${id}`,
      `${v1}/state/${room}?event_id=${id}`,
      `${v1}/state_ids/${room}?event_id=${id}`,
      `${v1}/event_auth/${room}/${id}`,
      `${v1}/backfill/${room}?v=${id}&limit=10`,
      `${v1}/timestamp_to_event/${room}?ts=0&dir=f`,
      `${v1}/query/profile?user_id=${part(alice.userId)}`,
      `${v1}/publicRooms`,
      '/_matrix/key/v2/server',
      `/_matrix/key/v2/query/${part(target)}`,
      `${v1}/version`,
    ])
      expect([path, (await get(path)).status]).toEqual([path, 200]);
    const missing = await fake.send(target, {
      method: 'POST',
      path: `${v1}/get_missing_events/${room}`,
      content: { earliest_events: [], latest_events: [eventId], limit: 5 },
    });
    expect(missing.status).toBe(200);
  });

  test('nothing of a room that it is not in', async () => {
    const { room_id: other } = await alice.ok('POST', `${v3}/createRoom`, { preset: 'private_chat' });
    const room = part(other);
    const id = part(peer.last.eventId);
    for (const path of [
      `${v1}/state/${room}?event_id=${id}`,
      `${v1}/state_ids/${room}?event_id=${id}`,
      `${v1}/event_auth/${room}/${id}`,
      `${v1}/backfill/${room}?v=${id}&limit=10`,
      `${v1}/timestamp_to_event/${room}?ts=0&dir=f`,
      `${v1}/make_join/${room}/${part(peer.user)}?ver=12`,
      `${v1}/make_knock/${room}/${part(peer.user)}?ver=12`,
      `${v1}/make_leave/${room}/${part(peer.user)}`,
    ])
      expect([path, (await get(path)).status]).toEqual([path, 403]);
    for (const path of [
      `${v1}/event/${part(unknownEventId('none'))}`,
      `${v1}/query/profile?user_id=${part(`@nobody:${target}`)}`,
      `${v1}/query/directory?room_alias=${part(`#nothing:${target}`)}`,
    ])
      expect([path, (await get(path)).status]).toEqual([path, 404]);
  });
});

describe('bad events', () => {
  test('a content that does not fit its hash is redacted', async () => {
    const { json, eventId } = peer.event({ content: { msgtype: 'm.text', body: 'true' } });
    await peer.send([{ ...json, content: { msgtype: 'm.text', body: 'false' } }]);
    const stored = (await timeline()).find((event) => event.event_id === eventId);
    expect(stored?.content).toEqual({});
  });

  test('a wrong signature is refused', async () => {
    const key = SigningKey.fromSeed(fake.signer.key.keyId.slice(8), Buffer.alloc(32, 99));
    const bare = peer.event().json;
    const { json, eventId } = signEvent(peer.rules, { ...bare, signatures: {} }, { server: fake.name, key });
    expect((await peer.send([json])).get(eventId)).toMatch(/signature/);
    expect(await bodies()).toEqual([]);
  });

  test('a user of another server is not spoken for', async () => {
    const forged = peer.event({ sender: parseUserId(alice.userId), content: { body: 'forged' } });
    expect((await peer.send([forged.json])).get(forged.eventId)).toMatch(/signature/);
    expect(await bodies()).toEqual([]);
  });

  test('what its auth events do not allow is rejected, and what rests on it too', async () => {
    const coup = peer.event({
      type: 'm.room.power_levels',
      stateKey: '',
      content: { users: { [peer.user]: 100 } },
    });
    const answer = await peer.send([coup.json]);
    expect(answer.get(coup.eventId)).toMatch(/rejected/);
    const heir = peer.event({
      content: { body: 'heir' },
      authEvents: [...peer.auth.slice(0, -2), coup.eventId, ...peer.auth.slice(-1)],
    });
    expect((await peer.send([heir.json])).get(heir.eventId)).toMatch(/rejected/);
    expect(await bodies()).toEqual([]);
  });

  test('somebody who was banned is not heard, even on a fork from before the ban', async () => {
    const path = `${v3}/rooms/${encodeURIComponent(peer.room)}`;
    await alice.ok('POST', `${path}/ban`, { user_id: peer.user });
    const late = peer.message('from before');
    await peer.send([late.json]);
    expect(await bodies()).toEqual([]);
  });
});

describe('bad transactions', () => {
  test('another origin than the signature says is refused whole', async () => {
    const answer = await fake.send(target, {
      method: 'PUT',
      path: '/_matrix/federation/v1/send/1',
      content: { origin: 'example.org', origin_server_ts: 1, pdus: [] },
    });
    expect(answer.status).toBe(403);
  });

  test('51 events are refused', async () => {
    const pdus = Array.from({ length: 51 }, () => ({}));
    expect((await fake.sendTransaction(target, { pdus })).status).toBe(400);
  });

  test.each([
    ['no header', false],
    ['another scheme', 'Bearer abc'],
    ['a broken header', 'X-Matrix origin='],
  ] as const)('%s is refused', async (_name, authorization) => {
    const answer = await fake.send(target, {
      method: 'GET',
      path: '/_matrix/federation/v1/event/$x',
      authorization,
    });
    expect(answer.status).toBe(401);
  });

  test('a request signed for another server is refused', async () => {
    const answer = await fake.send(target, {
      method: 'GET',
      path: '/_matrix/federation/v1/event/$x',
      destination: 'example.org',
    });
    expect(answer.status).toBe(401);
  });

  test('a body changed after it was signed is refused', async () => {
    const answer = await fake.send(target, {
      method: 'PUT',
      path: '/_matrix/federation/v1/send/2',
      content: { origin: fake.name, pdus: [] },
      rawBody: JSON.stringify({ origin: fake.name, pdus: [], edus: [] }),
    });
    expect(answer.status).toBe(401);
  });
});

describe('endless histories', () => {
  test('a chain of made-up previous events is followed for one answer, then left', async () => {
    let asked = 0;
    fake.on('POST', /get_missing_events/, () => {
      asked++;
      const events: JsonObject[] = [];
      for (let index = 0; index < 200; index++)
        events.push(
          peer.event({
            prevEvents: [unknownEventId(`${asked}${index}x`)],
            depth: 50 + index,
            content: { body: `chain ${index}` },
          }).json,
        );
      return { events };
    });
    fake.on('GET', /state_ids/, (_request, response) => {
      response.statusCode = 404;
      return { errcode: 'M_NOT_FOUND', error: 'no' };
    });
    const top = peer.event({ prevEvents: [unknownEventId('top')], content: { body: 'top' } });
    const answer = await peer.send([top.json]);
    expect(answer.get(top.eventId)).toBeDefined();
    expect(asked).toBe(1);
    expect(await bodies()).toEqual([]);
    const good = peer.message('still here');
    await peer.send([good.json]);
    expect(await bodies()).toEqual(['still here']);
  });

  test('a circle of previous events ends', async () => {
    const [left, right] = [unknownEventId('left'), unknownEventId('right')];
    fake.on('POST', /get_missing_events/, () => ({
      events: [peer.event({ prevEvents: [right] }).json, peer.event({ prevEvents: [left] }).json],
    }));
    const top = peer.event({ prevEvents: [left, right] });
    expect((await peer.send([top.json])).get(top.eventId)).toBeDefined();
  });
});
