/** Recovery words, secret storage and the epoch backup: a lost device loses nothing, the server learns nothing. */
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSodium } from '../primitives/sodium.ts';
import { PASSPHRASE, SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';

let world: SimWorld;

// Generous: the suite shares two cores.
vi.setConfig({ testTimeout: 180_000 });
beforeAll(loadSodium);
beforeEach(() => {
  world = new SimWorld();
});

/** Alice with her words, Bob, and something said. */
async function withHistory() {
  const alice = new SimClient(world.server, world.clock, '@alice:one.test', 'OLD');
  world.server.addDevice(alice.userId, 'OLD');
  const args = { userId: alice.userId, deviceId: 'OLD', passphrase: PASSPHRASE };
  const { words } = await alice.host.call('createVault', args);
  if (words === undefined) throw new Error('no words');
  await alice.while(alice.host.call('bootstrapIdentity', {}));
  world.clients.push(alice);
  await alice.settle();
  const bob = await world.start('bob');
  await world.room(alice, bob);
  const event = await bob.send(ROOM, 'remember this');
  await world.settle();
  expect(await alice.text(ROOM, event)).toBe('remember this');
  return { alice, bob, event, words: [...words] };
}

/** A new device of Alice's, nothing on it yet. */
async function newDevice(words?: string[], linking = false): Promise<SimClient> {
  const fresh = new SimClient(world.server, world.clock, '@alice:one.test', 'NEW');
  world.server.addDevice(fresh.userId, 'NEW');
  const args = { userId: fresh.userId, deviceId: 'NEW', passphrase: 'other', linking };
  await fresh.host.call('createVault', words === undefined ? args : { ...args, words });
  world.clients.push(fresh);
  await fresh.settle();
  return fresh;
}

describe('the recovery words', () => {
  it('bring cross-signing and history to a new device when the old one is lost', async () => {
    const { alice, bob, event, words } = await withHistory();
    alice.online = false;
    world.server.removeDevice(alice.userId, 'OLD');
    world.clients.splice(world.clients.indexOf(alice), 1);
    const fresh = await newDevice(words);
    expect(await fresh.host.call('identityStatus', {})).toMatchObject({ crossSigning: 'locked' });
    const { status } = await fresh.while(fresh.host.call('restoreIdentity', { words }));
    expect(status).toMatchObject({ crossSigning: 'ready', deviceSigned: true, backup: 'active' });
    await world.settle();
    expect(await fresh.text(ROOM, event)).toBe('remember this');
    const answer = await fresh.send(ROOM, 'back again');
    await world.settle();
    expect(await bob.text(ROOM, answer)).toBe('back again');
    // Same master key: nobody is warned.
    const seen = await bob.host.call('userIdentity', { userId: alice.userId });
    expect(seen.trust).toBe('pinned');
  });

  it('that are wrong are told apart, and leave nothing behind', async () => {
    const { words } = await withHistory();
    const fresh = await newDevice(undefined, true);
    const other = ['zoo', ...words.slice(1)];
    await expect(fresh.while(fresh.host.call('restoreIdentity', { words: other }))).rejects.toThrow(
      'WRONG_WORDS',
    );
    const { words: foreign } = await new SimClient(world.server, world.clock, '@x:y', 'Z').host.call(
      'createVault',
      {
        userId: '@x:y',
        deviceId: 'Z',
        passphrase: 'x',
      },
    );
    const wrong = fresh.host.call('restoreIdentity', { words: [...(foreign ?? [])] });
    await expect(fresh.while(wrong)).rejects.toThrow('WRONG_WORDS');
    const { status } = await fresh.while(fresh.host.call('restoreIdentity', { words }));
    expect(status.crossSigning).toBe('ready');
  });

  it('are shown until confirmed, then gone from the device', async () => {
    const { alice, words } = await withHistory();
    expect((await alice.host.call('recoveryWords', {})).words).toEqual(words);
    const wrong = [...words.slice(1), words[0] ?? ''];
    await expect(alice.host.call('confirmWords', { words: wrong }))
      .resolves.toEqual({ match: false })
      .catch(() =>
        // Most permutations fail the checksum already.
        expect(alice.host.call('confirmWords', { words: wrong })).rejects.toThrow('WRONG_WORDS'),
      );
    expect(await alice.host.call('confirmWords', { words })).toEqual({ match: true });
    expect((await alice.host.call('recoveryWords', {})).words).toBeUndefined();
    expect((await alice.host.call('status', {})).wordsPending).toBe(false);
  });

  it('never go to the server, nor does any key they protect', async () => {
    const { alice, words } = await withHistory();
    const uploads = JSON.stringify(world.server.seen.map(({ request }) => request.body ?? null));
    for (const word of [words.join(' '), words.slice(0, 3).join(' ')]) expect(uploads).not.toContain(word);
    const stored = world.server.users.get(alice.userId)?.data;
    expect([...(stored?.keys() ?? [])]).toContain('m.cross_signing.master');
    expect(uploads).not.toContain('remember this');
  });

  it('open the vault when the passphrase is forgotten', async () => {
    const { alice, event, words } = await withHistory();
    await alice.host.call('lock', {});
    await expect(alice.host.call('unlock', { passphrase: 'forgotten' })).rejects.toThrow('WRONG_PASSPHRASE');
    const { status } = await alice.host.call('unlockWithWords', { words, passphrase: 'new one' });
    expect(status.vault).toBe('open');
    expect(await alice.text(ROOM, event)).toBe('remember this');
    await alice.host.call('lock', {});
    await alice.host.call('unlock', { passphrase: 'new one' });
  });
});

describe('a backup that another client keeps', () => {
  const MEGOLM = 'm.megolm_backup.v1.curve25519-aes-sha2';
  const kept = () => world.server.users.get('@alice:one.test')?.backup;

  it('stays until the user gives it up; then ours takes its place with all that was to be kept', async () => {
    const alice = new SimClient(world.server, world.clock, '@alice:one.test', 'OLD');
    world.server.addDevice(alice.userId, 'OLD');
    const user = world.server.users.get(alice.userId);
    if (user === undefined) throw new Error('alice');
    const info = { algorithm: MEGOLM, auth_data: { public_key: 'abc', signatures: {} } };
    user.backup = { version: 'megolm', info, rooms: {} };
    await alice.host.call('createVault', {
      ...{ userId: alice.userId, deviceId: 'OLD', passphrase: PASSPHRASE },
    });
    await alice.while(alice.host.call('bootstrapIdentity', {}));
    world.clients.push(alice);
    await alice.settle();
    const bob = await world.start('bob');
    await world.room(alice, bob);
    await bob.send(ROOM, 'remember this');
    await world.settle();
    await world.pass(120_000, 10_000);
    expect(await alice.host.call('identityStatus', {})).toMatchObject({ backup: 'foreign' });
    expect(kept()).toMatchObject({ version: 'megolm', rooms: {} });
    await alice.host.call('replaceBackup', {});
    await world.settle();
    expect(await alice.host.call('identityStatus', {})).toMatchObject({ backup: 'active' });
    expect(kept()?.info.algorithm).not.toBe(MEGOLM);
    expect(Object.keys(kept()?.rooms[ROOM]?.sessions ?? {})).toHaveLength(1);
  });

  it('does not keep a new device from its identity', async () => {
    const { alice, words } = await withHistory();
    alice.online = false;
    const backup = kept();
    if (backup === undefined) throw new Error('no backup');
    backup.info = { algorithm: MEGOLM, auth_data: {} };
    const fresh = await newDevice(words);
    const { status } = await fresh.while(fresh.host.call('restoreIdentity', { words }));
    expect(status).toMatchObject({ crossSigning: 'ready', deviceSigned: true, backup: 'foreign' });
    expect(kept()?.info.algorithm).toBe(MEGOLM);
  });
});

describe('an account that has an identity', () => {
  it('is not given another one', async () => {
    await withHistory();
    const fresh = await newDevice(undefined, true);
    await expect(fresh.while(fresh.host.call('bootstrapIdentity', {}))).rejects.toThrow('WRONG_PHASE');
  });
});

describe('a hostile server', () => {
  it('cannot put another master key under restored secrets', async () => {
    const { words } = await withHistory();
    const mallory = await world.start('mallory');
    const user = world.server.users.get('@alice:one.test');
    const evil = world.server.users.get(mallory.userId);
    if (user?.master === undefined || evil?.master === undefined) throw new Error('keys');
    const fresh = await newDevice(words);
    user.master = { ...evil.master, user_id: '@alice:one.test' };
    const before = JSON.stringify(user.master);
    const restored = fresh
      .while(fresh.host.call('restoreIdentity', { words }))
      .catch((error: unknown) => error);
    await world.pass(120_000, 5_000);
    await restored;
    const own = await fresh.host.call('userIdentity', { userId: fresh.userId });
    expect(own.trust).toBe('changed');
    expect(before).not.toContain(own.masterKey ?? 'none');
  });
});
