import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { POLICY_KEY_ID } from '@nyx/federation/checks/policy-server.ts';
import { openPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { RULES } from '@nyx/federation/room-versions/rules.ts';
import { SigningKey } from '@nyx/federation/signing/keys.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { HostilePeer } from '../../src/testing/hostile-peer.ts';
import { checkContract } from '../../src/testing/test-contract.ts';

// Policy servers, ours and those of others (spec: Server-Server API, Policy Servers).
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
const part = encodeURIComponent;

let federation: TestFederation;
let nyx: TestServer;
let target: string;
let alice: TestUser;
let fake: FakeServer;

beforeAll(async () => {
  federation = await createFederation(0);
  const policyServer = { enabled: true, deniedTerms: ['Buy Now'] };
  nyx = await federation.add({ federation: { policyServer } });
  target = nyx.config.server.name;
  alice = await nyx.register('alice');
  fake = await FakeServer.start(federation.authority);
  fake.on('PUT', /\/v1\/send\//, () => ({ pdus: {} }));
  fake.observe = ({ method, path }, { status, json }) => {
    checkContract({ method, path, status, contentType: 'application/json', body: json });
  };
});
afterAll(async () => {
  await fake[Symbol.asyncDispose]();
  await federation[Symbol.asyncDispose]();
});

const createRoom = async (): Promise<string> =>
  (await alice.ok('POST', `${v3}/createRoom`, { preset: 'public_chat', room_version: '11' })).room_id;
const appoint = (room: string, via: string, key: string) =>
  alice.ok('PUT', `${v3}/rooms/${part(room)}/state/m.room.policy/`, { via, public_keys: { ed25519: key } });
const say = (room: string, body: string) =>
  alice.request('PUT', `${v3}/rooms/${part(room)}/send/m.room.message/${part(body)}`, {
    body: { msgtype: 'm.text', body },
  });
const bodies = async (room: string): Promise<unknown[]> => {
  const { chunk } = await alice.ok('GET', `${v3}/rooms/${part(room)}/messages?dir=b&limit=50`);
  return (chunk as { type: string; content: JsonObject }[])
    .filter(({ type }) => type === 'm.room.message')
    .map(({ content }) => content.body);
};

describe('this server as a policy server', () => {
  const ownKey = async (): Promise<string> =>
    (await nyx.request('GET', '/.well-known/matrix/policy_server')).body.public_keys.ed25519;
  const sign = (event: JsonObject) =>
    fake.send(target, { method: 'POST', path: '/_matrix/policy/v1/sign', content: event });

  test('signs what it recommends, with the key that it publishes', async () => {
    const room = await createRoom();
    const peer = await HostilePeer.join(fake, target, room);
    await appoint(room, target, await ownKey());
    const good = peer.event({ content: { msgtype: 'm.text', body: 'good' } });
    const answer = await sign(good.json);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json as JsonObject)).toEqual([target]);
    const spam = peer.event({ content: { msgtype: 'm.text', body: 'BUY NOW or never' } });
    const refused = await sign(spam.json);
    expect([refused.status, refused.json]).toMatchObject([400, { errcode: 'M_FORBIDDEN' }]);
    // What is signed is the hash: an event must not be let through by showing it without its content.
    expect((await sign({ ...spam.json, content: {} })).status).toBe(400);
    expect((await sign({ ...good.json, signatures: {} })).status).toBe(400);
    expect((await sign({ room_id: room })).status).toBe(400);
  });

  test('signs nothing of rooms that did not appoint it', async () => {
    const peer = await HostilePeer.join(fake, target, await createRoom());
    expect((await sign(peer.event().json)).status).toBe(404);
  });

  test('judges its own users and those of others alike', async () => {
    const room = await createRoom();
    const peer = await HostilePeer.join(fake, target, room);
    await appoint(room, target, await ownKey());
    expect((await say(room, 'hello')).status).toBe(200);
    expect((await say(room, 'buy now')).status).toBe(400);
    const good = peer.message('fine');
    const spam = peer.event({ content: { msgtype: 'm.text', body: 'Buy now!' } });
    const answer = await peer.send([good.json, spam.json]);
    expect([...answer.values()]).toEqual([undefined, undefined]);
    expect(await bodies(room)).toEqual(['fine', 'hello']);
  });
});

describe('a room with another server as its policy server', () => {
  const key = SigningKey.fromSeed('policy_server', Buffer.alloc(32, 9));
  const signature = (json: JsonObject): JsonObject => {
    const opened = openPdu(RULES['11'], json);
    if ('field' in opened) throw new Error(opened.message);
    return { [fake.name]: { [POLICY_KEY_ID]: key.sign(opened.signed) } };
  };
  let asked = 0;
  let answer: (event: JsonObject) => JsonObject;

  test('asks it before an event is sent, and tells the sender what it says', async () => {
    const room = await createRoom();
    const peer = await HostilePeer.join(fake, target, room);
    fake.on('POST', '/_matrix/policy/v1/sign', ({ body }, response) => {
      asked++;
      const result = answer(JSON.parse(body) as JsonObject);
      if ('errcode' in result) response.statusCode = 400;
      return result;
    });
    await appoint(room, fake.name, key.publicKey);
    answer = signature;
    expect((await say(room, 'signed')).status).toBe(200);
    expect(asked).toBe(1);
    const sent = await fake.until(({ path, body }) => path.includes('/send/') && body.includes('signed'));
    expect(sent.body).toContain(POLICY_KEY_ID);
    answer = () => ({ errcode: 'M_FORBIDDEN', error: 'Smells of spam' });
    const refused = await say(room, 'refused');
    expect([refused.status, refused.body]).toEqual([
      400,
      { errcode: 'M_FORBIDDEN', error: 'Smells of spam' },
    ]);
    answer = () => ({ [fake.name]: { [POLICY_KEY_ID]: 'A'.repeat(86) } });
    expect((await say(room, 'forged')).status).toBe(502);
    expect(await bodies(room)).toEqual(['signed']);
    // Without asking: the signature is there already. Asked for: it is not. Soft-failed: it cannot be had.
    const own = peer.message('carries it');
    asked = 0;
    await peer.send([{ ...own.json, signatures: merge(own.json, signature(own.json)) }]);
    expect(asked).toBe(0);
    answer = signature;
    await peer.send([peer.message('asked for').json]);
    expect(asked).toBe(1);
    answer = () => ({ errcode: 'M_FORBIDDEN', error: 'no' });
    const lost = await peer.send([peer.event({ content: { body: 'unsigned', msgtype: 'm.text' } }).json]);
    expect([...lost.values()]).toEqual([undefined]);
    expect(await bodies(room)).toEqual(['asked for', 'carries it', 'signed']);
  });

  const merge = (event: JsonObject, more: JsonObject): JsonObject => {
    const signatures = event.signatures as Record<string, JsonObject>;
    const merged: Record<string, JsonObject> = { ...signatures };
    for (const [server, keys] of Object.entries(more as Record<string, JsonObject>))
      merged[server] = { ...merged[server], ...keys };
    return merged;
  };

  test('is not asked about the event that dismisses it, nor after that', async () => {
    const room = await createRoom();
    await HostilePeer.join(fake, target, room, 'second');
    await appoint(room, fake.name, key.publicKey);
    answer = () => ({ errcode: 'M_FORBIDDEN', error: 'no' });
    expect((await say(room, 'refused')).status).toBe(400);
    asked = 0;
    await alice.ok('PUT', `${v3}/rooms/${part(room)}/state/m.room.policy/`, {});
    expect((await say(room, 'free')).status).toBe(200);
    expect(asked).toBe(0);
  });
});
