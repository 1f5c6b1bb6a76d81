import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { makeDevice } from './signing-device.ts';

const BASE = '/_matrix/client/v3';
const sync = (user: TestUser, since?: string, timeout = 0) =>
  user.ok('GET', `${BASE}/sync?timeout=${timeout}${since === undefined ? '' : `&since=${since}`}`);

type Signal = {
  type: string;
  sender: string;
  content: { room: string; after: string | null; reason: string };
};

/** Syncs until a message to the device arrives; then once more, to see that it is the only one. */
const nextSignals = async (user: TestUser, since: string): Promise<Signal[]> => {
  const found: Signal[] = [];
  let token = since;
  while (found.length === 0) {
    const answer = await sync(user, token, 20_000);
    found.push(...(answer.to_device?.events ?? []));
    token = answer.next_batch;
  }
  const rest = await sync(user, token);
  return [...found, ...(rest.to_device?.events ?? [])];
};

describe('fan-out of group-key changes', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;
  let room: string;

  const inRoom = (tail: string) => `${BASE}/rooms/${encodeURIComponent(room)}/${tail}`;
  const sendUnder = (user: TestUser, txnId: string, after: string | null) =>
    user.request('PUT', inRoom(`send/m.room.encrypted/${txnId}`), {
      body: { algorithm: 'chat.nyx.epoch.v1', kid: 'k', g: 0, kc: 'c', after, ciphertext: 'x' },
    });

  beforeAll(async () => {
    server = await createTestServer();
    alice = await server.register('alice');
    bob = await server.register('bob');
    carol = await server.register('carol');
    const created = await alice.ok('POST', `${BASE}/createRoom`, {
      preset: 'public_chat',
      initial_state: [
        { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
      ],
    });
    room = created.room_id;
    for (const user of [bob, carol]) await user.ok('POST', `${BASE}/join/${encodeURIComponent(room)}`, {});
  });

  afterAll(() => server.close());

  it('tells every remaining device once who was kicked, and not the one who was', async () => {
    const second = await server.login(alice);
    const tokens = await Promise.all([alice, second, bob, carol].map((user) => sync(user)));
    const [forAlice, forSecond, forBob, forCarol] = tokens.map(({ next_batch: token }) => token as string);
    await alice.ok('POST', inRoom('kick'), { user_id: carol.userId });
    const signals = await Promise.all([
      nextSignals(alice, forAlice ?? ''),
      nextSignals(second, forSecond ?? ''),
      nextSignals(bob, forBob ?? ''),
    ]);
    const { chunk } = await alice.ok('GET', inRoom('messages?dir=b&limit=1'));
    const departure = chunk[0].event_id;
    for (const found of signals) {
      expect(found).toEqual([
        {
          type: 'chat.nyx.rotate',
          sender: alice.userId,
          content: { room, after: departure, reason: 'kick' },
        },
      ]);
    }
    expect((await sync(carol, forCarol)).to_device?.events ?? []).toEqual([]);
  });

  it('refuses messages under a key from before a departure, and lets repeats of sent ones through', async () => {
    const { chunk } = await alice.ok('GET', inRoom('messages?dir=b&limit=1'));
    const kick = chunk[0].event_id as string;
    const stale = await sendUnder(bob, 'stale', null);
    expect([stale.status, stale.body.errcode, stale.body.departure]).toEqual([
      403,
      'CHAT.NYX.STALE_EPOCH',
      kick,
    ]);
    const sent = await sendUnder(bob, 'fresh', kick);
    expect(sent.status).toBe(200);
    await carol.ok('POST', `${BASE}/join/${encodeURIComponent(room)}`, {});
    await carol.ok('POST', inRoom('leave'), {});
    const repeat = await sendUnder(bob, 'fresh', kick);
    expect([repeat.status, repeat.body.event_id]).toEqual([200, sent.body.event_id]);
    expect((await sendUnder(bob, 'next', kick)).status).toBe(403);
    expect((await sendUnder(bob, 'unknown', '$somewhere-else')).status).toBe(200);
  });

  it('knows departures after a restart', async () => {
    await using other = await createTestServer({ sameAs: server });
    const answer = await other.request('PUT', inRoom('send/m.room.encrypted/restart'), {
      token: bob.token,
      body: { algorithm: 'chat.nyx.epoch.v1', kid: 'k', g: 0, kc: 'c', after: null, ciphertext: 'x' },
    });
    expect(answer.body.errcode).toBe('CHAT.NYX.STALE_EPOCH');
  });

  it('does not take a declined invite for a departure', async () => {
    const dave = await server.register('dave');
    const { chunk } = await alice.ok('GET', inRoom('messages?dir=b&limit=5'));
    const newest = chunk.find(
      (event: { content: { membership?: string } }) => event.content.membership === 'leave',
    );
    await alice.ok('POST', inRoom('invite'), { user_id: dave.userId });
    await dave.ok('POST', inRoom('leave'), {});
    expect((await sendUnder(bob, 'declined', newest.event_id)).status).toBe(200);
  });

  it.each(['leave', 'ban', 'deactivate'])('tells the others of a departure by %s', async (way) => {
    const gone = await server.register(`gone-${way}`);
    await gone.ok('POST', `${BASE}/keys/upload`, { device_keys: makeDevice(gone).deviceKeys() });
    await gone.ok('POST', `${BASE}/join/${encodeURIComponent(room)}`, {});
    const { next_batch: since } = await sync(alice);
    if (way === 'leave') await gone.ok('POST', inRoom('leave'), {});
    else if (way === 'ban') await alice.ok('POST', inRoom('ban'), { user_id: gone.userId });
    else
      await gone.ok('POST', `${BASE}/account/deactivate`, {
        auth: {
          type: 'm.login.password',
          identifier: { type: 'm.id.user', user: gone.userId },
          password: gone.password,
        },
      });
    const expected = way === 'ban' ? 'ban' : 'leave';
    const reasons = new Set<string>();
    for (let token = since; !reasons.has(expected);) {
      const answer = await sync(alice, token, 20_000);
      for (const { content } of (answer.to_device?.events ?? []) as Signal[]) {
        expect(content.room).toBe(room);
        reasons.add(content.reason);
      }
      token = answer.next_batch;
    }
    const after = (await alice.ok(
      'GET',
      inRoom(`state/m.room.member/${encodeURIComponent(gone.userId)}`),
    )) as {
      membership: string;
    };
    expect(after.membership).toBe(way === 'ban' ? 'ban' : 'leave');
  });

  it('tells the others when a device with keys is removed', async () => {
    const extra = await server.login(bob);
    await extra.ok('POST', `${BASE}/keys/upload`, { device_keys: makeDevice(extra).deviceKeys() });
    const { next_batch: since } = await sync(alice);
    await extra.ok('POST', `${BASE}/logout`, {});
    const [signal, ...more] = await nextSignals(alice, since);
    expect(more).toEqual([]);
    expect([signal?.type, signal?.sender, signal?.content.reason]).toEqual([
      'chat.nyx.rotate',
      bob.userId,
      'device_removed',
    ]);
  });
});
