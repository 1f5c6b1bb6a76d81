import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isJsonObject, type JsonObject } from '@nyx/federation/json/value.ts';
import { SigningKey } from '@nyx/federation/signing/keys.ts';
import { signJson } from '@nyx/federation/signing/sign-json.ts';
import { parseServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { checkContract } from '../../src/testing/test-contract.ts';

// Invites to e-mail addresses, once an identity server knows whose they are (spec: Third-party invites).
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
const part = encodeURIComponent;
const identity = {
  server: parseServerName('identity.example.org'),
  key: SigningKey.fromSeed('0', Buffer.alloc(32, 3)),
};

let federation: TestFederation;
let one: TestServer;
let two: TestServer;
let alice: TestUser;
let bob: TestUser;
let fake: FakeServer;
let token = 0;

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

/** A private room of Alice's with an invite to an address, and the proof that it is the user's. */
const invited = async (mxid: string): Promise<{ room: string; signed: JsonObject }> => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { preset: 'private_chat' });
  const name = `token${token++}`;
  await alice.ok('PUT', `${v3}/rooms/${part(room)}/state/m.room.third_party_invite/${name}`, {
    display_name: 'b...@example.org',
    key_validity_url: 'https://identity.example.org/valid',
    public_key: identity.key.publicKey,
  });
  return { room, signed: signJson({ mxid, token: name }, identity) };
};
const onBind = (server: TestServer, room: string, signed: JsonObject) => {
  const mxid = bob.userId;
  const about = { medium: 'email', address: 'bob@example.org', mxid };
  return server.request('PUT', '/_matrix/federation/v1/3pid/onbind', {
    body: { ...about, invites: [{ ...about, room_id: room, sender: alice.userId, signed }] },
  });
};
const membership = async (room: string, user: string): Promise<JsonObject | undefined> => {
  const answer = await alice.request('GET', `${v3}/rooms/${part(room)}/state/m.room.member/${part(user)}`);
  return answer.status === 200 && isJsonObject(answer.body) ? answer.body : undefined;
};

describe('an address is bound to a user of another server', () => {
  test('whose server has the invite made, and the user joins with it', async () => {
    const { room, signed } = await invited(bob.userId);
    expect((await onBind(two, room, signed)).status).toBe(200);
    expect(await membership(room, bob.userId)).toMatchObject({
      membership: 'invite',
      third_party_invite: { display_name: 'b...@example.org', signed },
    });
    const sync = await bob.ok('GET', `${v3}/sync`);
    expect(Object.keys(sync.rooms.invite)).toContain(room);
    await bob.ok('POST', `${v3}/rooms/${part(room)}/join`, {});
    expect(await membership(room, bob.userId)).toMatchObject({ membership: 'join' });
    // A second proof does not throw out who is in.
    await onBind(two, room, signed);
    expect(await membership(room, bob.userId)).toMatchObject({ membership: 'join' });
  });

  test('but a proof of nobody’s, or of somebody else’s address, makes no invite', async () => {
    const { room, signed } = await invited(bob.userId);
    const forger = { server: identity.server, key: SigningKey.fromSeed('0', Buffer.alloc(32, 4)) };
    const forged = signJson({ mxid: bob.userId, token: signed.token ?? '' }, forger);
    expect((await onBind(two, room, forged)).status).toBe(200);
    const other = signJson({ mxid: `@eve:${two.config.server.name}`, token: signed.token ?? '' }, identity);
    expect((await onBind(two, room, other)).status).toBe(200);
    expect(await membership(room, bob.userId)).toBeUndefined();
  });
});

test('an address is bound to a user of the inviting server', async () => {
  const carol = await one.register('carol');
  const { room, signed } = await invited(carol.userId);
  const about = { medium: 'email', address: 'carol@example.org', mxid: carol.userId };
  const answer = await one.request('PUT', '/_matrix/federation/v1/3pid/onbind', {
    body: { ...about, invites: [{ ...about, room_id: room, sender: alice.userId, signed }] },
  });
  expect(answer.status).toBe(200);
  expect(await membership(room, carol.userId)).toMatchObject({ membership: 'invite' });
});

describe('a server that redeems an invite', () => {
  const exchange = (room: string, content: JsonObject) =>
    fake.send(one.config.server.name, {
      method: 'PUT',
      path: `/_matrix/federation/v1/exchange_third_party_invite/${part(room)}`,
      content,
    });
  const event = (room: string, user: string, signed: JsonObject): JsonObject => ({
    type: 'm.room.member',
    room_id: room,
    sender: alice.userId,
    state_key: user,
    content: { membership: 'invite', third_party_invite: { display_name: 'x', signed } },
  });

  test('is asked to sign the invite first', async () => {
    const user = `@dave:${fake.name}`;
    const { room, signed } = await invited(user);
    fake.on('PUT', /\/v2\/invite\//, ({ body }) => {
      const { event: invite } = JSON.parse(body) as { event: JsonObject };
      return { event: invite };
    });
    expect((await exchange(room, event(room, user, signed))).status).toBe(200);
    expect(await membership(room, user)).toMatchObject({ membership: 'invite' });
  });

  test('is refused for users of others, other rooms, and what is no invite', async () => {
    const { room, signed } = await invited(bob.userId);
    expect((await exchange(room, event(room, bob.userId, signed))).status).toBe(403);
    expect((await exchange(room, event('!x:example.org', bob.userId, signed))).status).toBe(400);
    expect(
      (await exchange(room, { ...event(room, bob.userId, signed), type: 'm.room.message' })).status,
    ).toBe(400);
    const elsewhere = '!x:example.org';
    expect((await exchange(elsewhere, event(elsewhere, `@dave:${fake.name}`, signed))).status).toBe(404);
    expect(await membership(room, bob.userId)).toBeUndefined();
  });
});
