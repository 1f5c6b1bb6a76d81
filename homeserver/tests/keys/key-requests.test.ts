import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { HostilePeer } from '../../src/testing/hostile-peer.ts';

const V3 = '/_matrix/client/v3';
const KEY_REQUEST = 'chat.nyx.key_request';

describe('requests for group keys', () => {
  let federation: TestFederation;
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  let room: string;
  let fake: FakeServer;
  let peer: HostilePeer;

  beforeAll(async () => {
    federation = await createFederation(0);
    server = await federation.add({
      rateLimits: {
        enabled: true,
        keyRequest: { perSecond: 0.001, burst: 5 },
        registration: { perSecond: 100, burst: 100 },
      },
    });
    alice = await server.register('alice');
    bob = await server.register('bob');
    carol = await server.register('carol');
    const created = await alice.ok('POST', `${V3}/createRoom`, { preset: 'public_chat', room_version: '11' });
    room = created.room_id;
    await bob.ok('POST', `${V3}/join/${encodeURIComponent(room)}`, {});
    fake = await FakeServer.start(federation.authority);
    peer = await HostilePeer.join(fake, server.config.server.name, room);
  }, 120_000);
  afterAll(async () => {
    await fake[Symbol.asyncDispose]();
    await federation[Symbol.asyncDispose]();
  });

  const content = (about = room) => ({ room: about, kid: 'k', g: 0, request_id: 'r' });
  let transactions = 0;
  const ask = (from: TestUser, to: readonly TestUser[], about = room) =>
    from.request('PUT', `${V3}/sendToDevice/${KEY_REQUEST}/t${transactions++}`, {
      body: { messages: Object.fromEntries(to.map(({ userId }) => [userId, { '*': content(about) }])) },
    });
  const heard = async (user: TestUser): Promise<string[]> => {
    const { to_device: inbox } = await user.ok('GET', `${V3}/sync?timeout=0`);
    const events = (inbox?.events ?? []) as { type: string; sender: string }[];
    return events.filter(({ type }) => type === KEY_REQUEST).map(({ sender }) => sender);
  };
  const fromPeer = (
    sender: string,
    to: TestUser,
    type = KEY_REQUEST,
    message: object = content(),
    id = `m${transactions++}`,
  ) =>
    fake.sendTransaction(server.config.server.name, {
      edus: [
        {
          edu_type: 'm.direct_to_device',
          content: {
            sender,
            type,
            message_id: id,
            messages: { [to.userId]: { '*': message as Record<string, string> } },
          },
        },
      ],
    });

  it('go from members to members, and to nobody else', async () => {
    expect((await ask(bob, [alice, carol])).status).toBe(200);
    expect(await heard(alice)).toEqual([bob.userId]);
    expect(await heard(carol)).toEqual([]);
    expect((await ask(carol, [alice])).status).toBe(403);
    expect((await ask(carol, [alice], '!unknown:example.org')).status).toBe(403);
    await carol.ok('POST', `${V3}/join/${encodeURIComponent(room)}`, {});
    expect((await ask(carol, [alice])).status).toBe(200);
    await carol.ok('POST', `${V3}/rooms/${encodeURIComponent(room)}/leave`, {});
    const late = await ask(carol, [alice]);
    expect([late.status, late.body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  });

  it('come from other servers by the same rules', async () => {
    const before = (await heard(alice)).length;
    await fromPeer(peer.user, alice);
    expect((await heard(alice)).slice(before)).toEqual([peer.user]);
    await fromPeer(peer.user, carol);
    await fromPeer(`@stranger:${fake.name}`, alice);
    // A sender that the origin does not own: it would be an impersonation.
    await fromPeer(bob.userId, alice);
    await fromPeer(bob.userId, alice, 'test.any');
    expect((await heard(alice)).slice(before)).toEqual([peer.user]);
    expect(await heard(carol)).toEqual([]);
    const { to_device: inbox } = await alice.ok('GET', `${V3}/sync?timeout=0`);
    expect(inbox.events.filter(({ type }: { type: string }) => type === 'test.any')).toEqual([]);
    expect(server.logLines.some(({ outcome }) => outcome === 'foreign_sender')).toBe(true);
  });

  it('and all other messages come once, however often a server sends them', async () => {
    const emma = await server.register('emma');
    const { next_batch: since } = await emma.ok('GET', `${V3}/sync?timeout=0`);
    for (let times = 0; times < 3; times += 1) await fromPeer(peer.user, emma, 'test.once', { n: 1 }, 'same');
    await fromPeer(peer.user, emma, 'test.once', { n: 2 }, 'other');
    const first = await emma.ok('GET', `${V3}/sync?timeout=0&since=${since}`);
    expect(first.to_device.events.map(({ content: { n } }: { content: { n: number } }) => n)).toEqual([1, 2]);
    // Also after they were read.
    const second = await emma.ok('GET', `${V3}/sync?timeout=0&since=${first.next_batch}`);
    await fromPeer(peer.user, emma, 'test.once', { n: 1 }, 'same');
    const third = await emma.ok('GET', `${V3}/sync?timeout=0&since=${second.next_batch}`);
    expect(third.to_device?.events ?? []).toEqual([]);
  });

  it('are limited, for users here and elsewhere', async () => {
    const dora = await server.register('dora');
    await dora.ok('POST', `${V3}/join/${encodeURIComponent(room)}`, {});
    const statuses: number[] = [];
    for (let round = 0; round < 8; round += 1) statuses.push((await ask(dora, [bob])).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    const before = (await heard(bob)).filter((sender) => sender === peer.user).length;
    for (let round = 0; round < 8; round += 1) await fromPeer(peer.user, bob);
    const after = (await heard(bob)).filter((sender) => sender === peer.user).length;
    expect(after - before).toBeLessThanOrEqual(5);
    expect(after - before).toBeGreaterThan(0);
  });

  it('are told of changed keys only where they are members', async () => {
    await fromPeer(peer.user, carol, 'chat.nyx.rotate', { room, after: '$x', reason: 'kick' });
    const { to_device: inbox } = await carol.ok('GET', `${V3}/sync?timeout=0`);
    expect(inbox?.events ?? []).toEqual([]);
  });
});
