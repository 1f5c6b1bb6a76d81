import { ristretto255_oprf } from '@noble/curves/ed25519.js';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { settleAll, type SimClient } from '../testing/sim-client.ts';
import { SimWorld } from '../testing/sim-room.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { loadSodium } from '../primitives/sodium.ts';
import type { ProfileField } from './blob.ts';
import type { OpenedProfile } from '../engine/protocol/profiles.ts';

vi.setConfig({ testTimeout: 60_000 });
beforeAll(loadSodium);

const TEN_MINUTES = 10 * 60 * 1000;
const picture = new TextEncoder().encode('not really a picture');

const publish = async (who: SimClient, name: string): Promise<ProfileField> =>
  (await who.host.call('profileSeal', { name, bio: `${name} says hello` })).field;
const open = (who: SimClient, owner: SimClient, field: unknown): Promise<OpenedProfile> =>
  who.host.call('profileOpen', { userId: owner.userId, field });
const share = async (world: SimWorld, who: SimClient, ...others: readonly SimClient[]): Promise<void> => {
  await who.host.call('profileShare', { userIds: others.map(({ userId }) => userId) });
  await world.settle();
};
const two = async (): Promise<{ world: SimWorld; alice: SimClient; bob: SimClient }> => {
  const world = new SimWorld();
  const [alice, bob] = await world.startAll('alice', 'bob');
  if (alice === undefined || bob === undefined) throw new Error('two');
  return { world, alice, bob };
};

describe('a profile', () => {
  it('is locked for a stranger, open for a contact, locked again for who is blocked', async () => {
    const { world, alice, bob } = await two();
    const carol = await world.start('carol');
    const first = await publish(alice, 'Alice');
    expect(await open(bob, alice, first)).toMatchObject({ state: 'locked' });
    await share(world, alice, bob, carol);
    expect(bob.notices).toContainEqual({ kind: 'profileKey', userId: alice.userId });
    expect(await open(bob, alice, first)).toEqual({
      ...{ state: 'open', version: first.version, name: 'Alice', bio: 'Alice says hello' },
    });
    expect(await open(alice, alice, first)).toMatchObject({ state: 'open', name: 'Alice' });
    // Blocked: a new key for everybody else.
    const { version } = await alice.host.call('profileRotate', { without: [bob.userId] });
    const second = await publish(alice, 'Alice again');
    expect(second.version).toBe(version);
    await world.settle();
    expect(await open(bob, alice, second)).toMatchObject({ state: 'locked', version });
    expect(await open(carol, alice, second)).toMatchObject({ state: 'open', name: 'Alice again' });
    expect((await alice.host.call('profileStatus', {})).contacts).toEqual([carol.userId]);
  });

  it('reaches a contact who was offline, and without a common room', async () => {
    const { world, alice, bob } = await two();
    const field = await publish(alice, 'Alice');
    bob.online = false;
    await share(world, alice, bob);
    bob.online = true;
    await world.settle();
    expect(await open(bob, alice, field)).toMatchObject({ state: 'open' });
    expect(world.server.rooms.size).toBe(0);
  });

  it('hands the key out once per device and version', async () => {
    const { world, alice, bob } = await two();
    await publish(alice, 'Alice');
    await share(world, alice, bob);
    const sent = () =>
      world.server.seen.filter(({ user, request }) => user === alice.userId && request.kind === 'toDevice')
        .length;
    const before = sent();
    await share(world, alice, bob);
    await world.pass(2_000);
    expect(sent()).toBe(before);
  });

  it('never goes back to an older one, and nobody hands out the key of another', async () => {
    const { world, alice, bob } = await two();
    await share(world, alice, bob);
    const old = await publish(alice, 'Old');
    world.clock.advance(1_000);
    const recent = await publish(alice, 'New');
    expect(await open(bob, alice, recent)).toMatchObject({ name: 'New' });
    expect(await open(bob, alice, old)).toEqual({ state: 'refused', code: 'OLD' });
    // Bob's profile under Alice's name, and the other way round.
    await share(world, bob, alice);
    const bobs = await publish(bob, 'Bob');
    expect(await open(alice, bob, { ...recent, version: bobs.version })).toMatchObject({ code: 'TAMPERED' });
  });

  it('shows nothing to a server that has searched everything it saw', async () => {
    const { world, alice, bob } = await two();
    await share(world, alice, bob);
    const field = await publish(alice, 'Alice Liddell');
    await alice.host.call('profileSealAvatar', { data: picture, mimetype: 'image/webp' });
    const everything = JSON.stringify([world.server.seen, field]);
    for (const text of ['Liddell', 'says hello', 'profile_key', 'not really'])
      expect(everything.includes(text)).toBe(false);
  });

  it('is given back on a device that has the key of secret storage', async () => {
    const { alice } = await two();
    const field = await publish(alice, 'Alice');
    const { stored } = await alice.host.call('profileBackup', {});
    expect(stored).toBeDefined();
    await alice.host.call('profileForget', {});
    expect(await open(alice, alice, field)).toMatchObject({ state: 'locked' });
    const bad = { encrypted: { other: {} } };
    expect(await alice.host.call('profileRestore', { stored: bad })).toEqual({ version: undefined });
    expect(await alice.host.call('profileRestore', { stored })).toEqual({ version: field.version });
    expect(await open(alice, alice, field)).toMatchObject({ state: 'open', name: 'Alice' });
  });
});

describe('a picture', () => {
  it('is opened by whoever opened the profile, and by nobody else', async () => {
    const { world, alice, bob } = await two();
    await share(world, alice, bob);
    const sealed = await alice.host.call('profileSealAvatar', { data: picture, mimetype: 'image/webp' });
    const url = 'mxc://one.test/picture';
    const { field } = await alice.host.call('profileSeal', {
      ...{ name: 'Alice', bio: '', avatar: { handle: sealed.handle, url } },
    });
    const ask = { userId: alice.userId, url, data: sealed.data };
    await expect(bob.host.call('profileOpenAvatar', ask)).rejects.toThrow('BAD_ATTACHMENT');
    expect(await open(bob, alice, field)).toMatchObject({ avatar: { url, size: picture.length } });
    const opened = await bob.host.call('profileOpenAvatar', ask);
    expect(toBase64(opened.data)).toBe(toBase64(picture));
    expect(opened.mimetype).toBe('image/webp');
    const damaged = sealed.data.slice();
    damaged[5] = (damaged[5] ?? 0) ^ 1;
    await expect(bob.host.call('profileOpenAvatar', { ...ask, data: damaged })).rejects.toThrow(
      'BAD_ATTACHMENT',
    );
    // The same picture stays part of the next profile; another's handle is nothing.
    const kept = { handle: url, url };
    await expect(alice.host.call('profileSeal', { name: 'A', bio: '', avatar: kept })).resolves.toBeDefined();
    const wrong = { handle: 'nothing', url };
    await expect(alice.host.call('profileSeal', { name: 'A', bio: '', avatar: wrong })).rejects.toThrow(
      'BAD_ATTACHMENT',
    );
  });
});

describe('a code', () => {
  it('makes a contact of whoever scans it first, once', async () => {
    const { world, alice, bob } = await two();
    const carol = await world.start('carol');
    const field = await publish(alice, 'Alice');
    const { payload } = await alice.host.call('profileShowCode', {});
    expect(await bob.host.call('profileScanCode', { payload })).toEqual({
      ...{ userId: alice.userId, state: 'pinned' },
    });
    await world.settle();
    expect(alice.notices).toContainEqual({ kind: 'profileInvite', userId: bob.userId });
    expect(await open(bob, alice, field)).toMatchObject({ state: 'open', name: 'Alice' });
    await carol.host.call('profileScanCode', { payload });
    await world.settle();
    expect(await open(carol, alice, field)).toMatchObject({ state: 'locked' });
  });

  it('is worth nothing after ten minutes, and nothing with another master key', async () => {
    const { world, alice, bob } = await two();
    const field = await publish(alice, 'Alice');
    const late = await alice.host.call('profileShowCode', {});
    world.clock.advance(TEN_MINUTES);
    await bob.host.call('profileScanCode', late);
    await world.settle();
    expect(await open(bob, alice, field)).toMatchObject({ state: 'locked' });
    const { payload } = await alice.host.call('profileShowCode', {});
    const at = payload.length - 17 - 10;
    payload[at] = (payload[at] ?? 0) ^ 1;
    expect(await bob.host.call('profileScanCode', { payload })).toMatchObject({ state: 'mismatch' });
    await expect(alice.host.call('profileScanCode', { payload })).rejects.toThrow('BAD_QR');
  });
});

describe('a look-up by exact user id', () => {
  const { secretKey } = ristretto255_oprf.oprf.generateKeyPair();
  const answer = (element: string): string =>
    toBase64(ristretto255_oprf.oprf.blindEvaluate(secretKey, fromBase64(element)));
  const rowOf = async (who: SimClient, userId = who.userId): Promise<{ id: string; card: string }> => {
    const { handle, element } = await who.host.call('discoveryBlind', { userId });
    const { id } = await who.host.call('discoveryFinish', { handle, evaluated: answer(element) });
    return { id, card: (await who.host.call('discoverySeal', { handle })).card };
  };
  const find = async (who: SimClient, userId: string, rows: readonly { id: string; card: string }[]) => {
    const { handle, element } = await who.host.call('discoveryBlind', { userId });
    await who.host.call('discoveryFinish', { handle, evaluated: answer(element) });
    return (await who.host.call('discoveryOpen', { handle, rows: [...rows] })).found;
  };

  it('finds who is listed, and nobody else', async () => {
    const { alice, bob } = await two();
    const rows = [await rowOf(alice)];
    expect(await find(bob, alice.userId, rows)).toEqual({ userId: alice.userId, state: 'pinned' });
    expect(await find(bob, '@nobody:one.test', rows)).toBeUndefined();
    expect(await find(bob, alice.userId, [])).toBeUndefined();
    // A row of another under the right name.
    const [row] = rows;
    const mallory = await rowOf(bob);
    expect(await find(bob, alice.userId, [{ id: row?.id ?? '', card: mallory.card }])).toBeUndefined();
  });

  it('makes no row for another, and is over when it is over', async () => {
    const { alice, bob } = await two();
    await expect(rowOf(bob, alice.userId)).rejects.toThrow('WRONG_PHASE');
    const { handle, element } = await bob.host.call('discoveryBlind', { userId: alice.userId });
    await expect(bob.host.call('discoveryOpen', { handle, rows: [] })).rejects.toThrow('WRONG_PHASE');
    const zero = toBase64(new Uint8Array(32));
    await expect(bob.host.call('discoveryFinish', { handle, evaluated: zero })).rejects.toThrow(
      'INVALID_PUBLIC_KEY',
    );
    await bob.host.call('discoveryFinish', { handle, evaluated: answer(element) });
    await bob.host.call('discoveryOpen', { handle, rows: [] });
    await expect(bob.host.call('discoveryOpen', { handle, rows: [] })).rejects.toThrow('UNKNOWN_FLOW');
    await settleAll(alice, bob);
  });
});
