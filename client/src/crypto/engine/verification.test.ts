import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { FLOW_LIFETIME_MS } from '../identity/verification/flow.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { SimClient, SimClock, settleAll } from '../testing/sim-client.ts';
import { SimServer } from '../testing/sim-server.ts';
import type { VerificationState } from './protocol/flows.ts';

let server: SimServer;
let clock: SimClock;
let alice: SimClient;
let bob: SimClient;

beforeAll(loadSodium);
beforeEach(async () => {
  server = new SimServer();
  clock = new SimClock();
  alice = await SimClient.start(server, clock, '@alice:one.test', 'A');
  bob = await SimClient.start(server, clock, '@bob:one.test', 'B');
  const room = '!room:one.test';
  server.createRoom(room, alice.userId);
  await alice.settle();
  await alice.invite(room, bob.userId);
  await bob.settle();
  await bob.join(room);
  await settleAll(alice, bob);
});

/** What a client's page was told last about a verification. */
const last = (client: SimClient): VerificationState => {
  const states = client.notices.flatMap((notice) => (notice.kind === 'verification' ? [notice.state] : []));
  const state = states.at(-1);
  if (state === undefined) throw new Error('no verification');
  return state;
};
const trust = async (client: SimClient, other: SimClient): Promise<string> =>
  (await client.host.call('userIdentity', { userId: other.userId })).trust;

/** Both sides ready. */
const begin = async (from: SimClient, to: SimClient): Promise<string> => {
  const { flowId } = await from.host.call('startVerification', { userId: to.userId });
  await settleAll(from, to);
  expect(last(to)).toMatchObject({ phase: 'requested', incoming: true, userId: from.userId });
  await to.host.call('acceptVerification', { flowId });
  await settleAll(from, to);
  expect([last(from).phase, last(to).phase]).toEqual(['ready', 'ready']);
  return flowId;
};

/** Until both see emoji. */
const compare = async (from: SimClient, to: SimClient): Promise<string> => {
  const flowId = await begin(from, to);
  await from.host.call('startEmoji', { flowId });
  await settleAll(from, to);
  return flowId;
};

describe('comparing emoji', () => {
  it('shows both the same seven and verifies both', async () => {
    const flowId = await compare(alice, bob);
    expect(last(alice).emoji).toHaveLength(7);
    expect(last(alice).emoji).toEqual(last(bob).emoji);
    expect(await trust(alice, bob)).toBe('pinned');
    await alice.host.call('confirmEmoji', { flowId, match: true });
    await settleAll(alice, bob);
    expect(await trust(alice, bob)).toBe('pinned');
    await bob.host.call('confirmEmoji', { flowId, match: true });
    await settleAll(alice, bob);
    expect([last(alice).phase, last(bob).phase]).toEqual(['done', 'done']);
    expect([await trust(alice, bob), await trust(bob, alice)]).toEqual(['verified', 'verified']);
    // Our user-signing key says so on the server, for our other devices.
    const signer = server.users.get(bob.userId)?.master?.signatures as Record<string, unknown>;
    expect(Object.keys(signer)).toContain(alice.userId);
  });

  it('works from the other side and when both press at once', async () => {
    const flowId = await begin(alice, bob);
    await Promise.all([alice, bob].map((client) => client.host.call('startEmoji', { flowId })));
    await settleAll(alice, bob);
    expect(last(alice).emoji).toHaveLength(7);
    expect(last(alice).emoji).toEqual(last(bob).emoji);
    await bob.host.call('confirmEmoji', { flowId, match: true });
    await alice.host.call('confirmEmoji', { flowId, match: true });
    await settleAll(alice, bob);
    expect([await trust(alice, bob), await trust(bob, alice)]).toEqual(['verified', 'verified']);
  });

  it('ends unverified when the emoji differ, on both sides', async () => {
    const flowId = await compare(alice, bob);
    await bob.host.call('confirmEmoji', { flowId, match: false });
    await settleAll(alice, bob);
    expect(last(alice)).toMatchObject({ phase: 'cancelled', code: 'm.mismatched_sas' });
    expect([await trust(alice, bob), await trust(bob, alice)]).toEqual(['pinned', 'pinned']);
    await expect(alice.host.call('confirmEmoji', { flowId, match: true })).rejects.toThrow('UNKNOWN_FLOW');
  });

  it('gives a server in the middle other emoji, or nothing', async () => {
    // The server replaces both ephemeral keys and cannot open the commitment it would have to forge.
    server.tricks.toDevice = (event) => {
      if (event.type !== 'm.key.verification.key') return event;
      return { ...event, content: { ...(event.content as object), key: 'CQ'.padEnd(43, 'A') } };
    };
    await compare(alice, bob);
    expect([last(alice).phase, last(bob).phase]).toEqual(['cancelled', 'cancelled']);
    expect(last(alice).code).toBe('m.mismatched_commitment');
    expect(await trust(alice, bob)).toBe('pinned');
  });

  it('notices a server that shows each of them another master key', async () => {
    server.tricks.toDevice = (event) => {
      if (event.type !== 'm.key.verification.mac') return event;
      const content = event.content as { mac: Record<string, string> };
      return { ...event, content: { ...content, mac: { ...content.mac, 'ed25519:other': 'AAAA' } } };
    };
    const flowId = await compare(alice, bob);
    await alice.host.call('confirmEmoji', { flowId, match: true });
    await bob.host.call('confirmEmoji', { flowId, match: true });
    await settleAll(alice, bob);
    expect(last(alice)).toMatchObject({ phase: 'cancelled', code: 'm.key_mismatch' });
    expect([await trust(alice, bob), await trust(bob, alice)]).toEqual(['pinned', 'pinned']);
  });

  it('survives any message lost, repeated or out of place without ever verifying', async () => {
    const kinds = ['request', 'ready', 'start', 'accept', 'key', 'mac', 'done', 'cancel', 'noise'];
    const flowId = await compare(alice, bob);
    for (const kind of kinds) {
      const content = {
        transaction_id: flowId,
        from_device: 'B',
        methods: ['m.sas.v1'],
        timestamp: clock.now,
      };
      const toDevice = [
        { type: `m.key.verification.${kind}`, sender: bob.userId, content },
        { type: `m.key.verification.${kind}`, sender: bob.userId, content: { transaction_id: 5 } },
        { type: `m.key.verification.${kind}`, sender: '@mallory:one.test', content },
      ];
      await alice.host.call('processSync', { nextBatch: 'x', toDevice });
    }
    expect(last(alice).phase).toBe('cancelled');
    expect(await trust(alice, bob)).toBe('pinned');
  });
});

describe('a flow', () => {
  it('times out after ten minutes', async () => {
    await begin(alice, bob);
    clock.advance(FLOW_LIFETIME_MS);
    await settleAll(alice, bob);
    await new Promise(setImmediate);
    await settleAll(alice, bob);
    expect(last(alice)).toMatchObject({ phase: 'cancelled', code: 'm.timeout' });
    expect(last(bob).phase).toBe('cancelled');
  });

  it('can be cancelled, and an old or future request is not shown', async () => {
    const flowId = await begin(alice, bob);
    await bob.host.call('cancelVerification', { flowId });
    await settleAll(alice, bob);
    expect(last(alice)).toMatchObject({ phase: 'cancelled', code: 'm.user' });
    const count = alice.notices.length;
    for (const timestamp of [clock.now - FLOW_LIFETIME_MS - 1, clock.now + 6 * 60 * 1000]) {
      const content = { transaction_id: `t${timestamp}`, from_device: 'B', methods: ['m.sas.v1'], timestamp };
      const toDevice = [{ type: 'm.key.verification.request', sender: bob.userId, content }];
      await alice.host.call('processSync', { nextBatch: 'x', toDevice });
    }
    expect(alice.notices.slice(count).filter(({ kind }) => kind === 'verification')).toEqual([]);
  });

  it('is taken up by one of several devices, and the others are told', async () => {
    const second = new SimClient(server, clock, bob.userId, 'B2');
    server.addDevice(bob.userId, 'B2');
    await second.host.call('createVault', { userId: bob.userId, deviceId: 'B2', passphrase: 'x' });
    await settleAll(alice, bob, second);
    const { flowId } = await alice.host.call('startVerification', { userId: bob.userId });
    await settleAll(alice, bob, second);
    expect(last(second).phase).toBe('requested');
    await bob.host.call('acceptVerification', { flowId });
    await settleAll(alice, bob, second);
    expect(last(alice)).toMatchObject({ phase: 'ready', deviceId: 'B' });
    expect(last(second)).toMatchObject({ phase: 'cancelled', code: 'm.accepted' });
  });
});

describe('scanning a QR code', () => {
  it('verifies both users', async () => {
    const flowId = await begin(alice, bob);
    expect(last(alice)).toMatchObject({ canShowQr: true, canScanQr: true });
    const { payload } = await alice.host.call('showQr', { flowId });
    await bob.host.call('scanQr', { flowId, payload });
    await settleAll(alice, bob);
    expect(last(alice).phase).toBe('qr-scanned');
    expect(await trust(bob, alice)).toBe('pinned');
    await alice.host.call('confirmScanned', { flowId });
    await settleAll(alice, bob);
    expect([last(alice).phase, last(bob).phase]).toEqual(['done', 'done']);
    expect([await trust(alice, bob), await trust(bob, alice)]).toEqual(['verified', 'verified']);
  });

  it('is refused when the code is damaged or holds another key', async () => {
    const flowId = await begin(alice, bob);
    const { payload } = await alice.host.call('showQr', { flowId });
    const keysFrom = 10 + flowId.length;
    for (const at of [0, 6, 7, 8, 12]) {
      const bad = payload.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x80;
      await expect(bob.host.call('scanQr', { payload: bad })).rejects.toThrow(/BAD_QR|UNKNOWN_FLOW/);
    }
    const wrongKey = payload.slice();
    wrongKey[keysFrom] = (wrongKey[keysFrom] ?? 0) ^ 1;
    await bob.host.call('scanQr', { payload: wrongKey });
    await settleAll(alice, bob);
    expect(last(alice)).toMatchObject({ phase: 'cancelled', code: 'm.key_mismatch' });
  });

  it('is refused when the scanner did not see the secret', async () => {
    const flowId = await begin(alice, bob);
    const { payload } = await alice.host.call('showQr', { flowId });
    const guessed = payload.slice();
    guessed[guessed.length - 1] = (guessed.at(-1) ?? 0) ^ 1;
    await bob.host.call('scanQr', { payload: guessed });
    await settleAll(alice, bob);
    expect(last(alice)).toMatchObject({ phase: 'cancelled', code: 'm.key_mismatch' });
    expect([await trust(alice, bob), await trust(bob, alice)]).toEqual(['pinned', 'pinned']);
  });
});

describe('a second device of one user', () => {
  it.each(['emoji', 'shown by the old device', 'shown by the new device'])(
    'is signed after %s',
    async (how) => {
      const fresh = new SimClient(server, clock, alice.userId, 'A2');
      server.addDevice(alice.userId, 'A2');
      await fresh.host.call('createVault', { userId: alice.userId, deviceId: 'A2', passphrase: 'x' });
      await settleAll(alice, bob, fresh);
      const { flowId } = await fresh.host.call('startVerification', { userId: alice.userId, deviceId: 'A' });
      await settleAll(alice, fresh);
      await alice.host.call('acceptVerification', { flowId });
      await settleAll(alice, fresh);
      if (how === 'emoji') {
        await fresh.host.call('startEmoji', { flowId });
        await settleAll(alice, fresh);
        await fresh.host.call('confirmEmoji', { flowId, match: true });
        await alice.host.call('confirmEmoji', { flowId, match: true });
      } else {
        const [shower, scanner] = how === 'shown by the old device' ? [alice, fresh] : [fresh, alice];
        const { payload } = await shower.host.call('showQr', { flowId });
        await scanner.host.call('scanQr', { payload });
        await settleAll(alice, fresh);
        await shower.host.call('confirmScanned', { flowId });
      }
      await settleAll(alice, bob, fresh);
      expect([last(alice).phase, last(fresh).phase]).toEqual(['done', 'done']);
      expect(await trust(fresh, alice)).toBe('verified');
      const { devices } = await bob.host.call('userIdentity', { userId: alice.userId });
      expect(devices.find(({ deviceId }) => deviceId === 'A2')).toMatchObject({ crossSigned: true });
    },
  );
});
