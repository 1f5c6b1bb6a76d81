/** A profile restored from an older copy: noticed before anything leaves it. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { loadSodium } from '../primitives/sodium.ts';
import { MemoryStore } from '../testing/memory-store.ts';
import { PASSPHRASE, SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';

let world: SimWorld;
let alice: SimClient;
let bob: SimClient;

beforeAll(loadSodium);
beforeEach(async () => {
  world = new SimWorld();
  alice = await world.start('alice');
  bob = await world.start('bob');
  await world.room(alice, bob);
});

/** The same device out of a store, as after a restart; it replaces `alice` in the world. */
const restart = async (store: MemoryStore): Promise<SimClient> => {
  await alice.host.close();
  const again = new SimClient(world.server, world.clock, alice.userId, alice.deviceId, { store });
  world.clients.splice(world.clients.indexOf(alice), 1, again);
  alice = again;
  await again.host.call('unlock', { passphrase: PASSPHRASE });
  await world.settle();
  return again;
};

const status = async (client: SimClient) => client.host.call('status', {});
const snapshot = (): MemoryStore => {
  if (!(alice.store instanceof MemoryStore)) throw new Error('another store');
  return alice.store.snapshot();
};

/** To-device requests that a user's engine has performed. */
const toDevices = (userId: string): number =>
  world.server.seen.filter(({ user, request }) => user === userId && request.kind === 'toDevice').length;

describe('the store epoch', () => {
  it('lets a device go on after any number of ordinary restarts', async () => {
    for (let i = 0; i < 6; i++) {
      await alice.send(ROOM, `run ${i}`);
      await world.settle();
      await restart(snapshot());
      expect(await status(alice)).toMatchObject({ vault: 'open', rolledBack: false });
    }
    const event = await alice.send(ROOM, 'still here');
    await world.settle();
    expect(await bob.text(ROOM, event)).toBe('still here');
  });

  it('notices a copy from an earlier run, tells the page, and lets nothing leave', async () => {
    const old = snapshot();
    await restart(snapshot());
    await alice.send(ROOM, 'later');
    await world.settle();
    const before = toDevices(alice.userId);
    await restart(old);
    expect(await status(alice)).toMatchObject({ rolledBack: true });
    expect(alice.notices).toContainEqual(
      expect.objectContaining({
        kind: 'status',
        status: expect.objectContaining({ rolledBack: true }) as object,
      }),
    );
    await expect(alice.send(ROOM, 'again')).rejects.toThrow('ROLLED_BACK');
    await world.settle();
    expect(toDevices(alice.userId)).toBe(before);
  });

  it('notices a copy of the same run that was taken before sessions advanced', async () => {
    const old = snapshot();
    world.clock.advance(60_000);
    await world.settle();
    // A newcomer: a new session is opened and used.
    const carol = await world.start('carol');
    await world.admit(alice, carol);
    await world.settle();
    await alice.send(ROOM, 'welcome');
    await world.settle();
    world.clock.advance(60_000);
    await world.settle();
    await restart(old);
    expect(await status(alice)).toMatchObject({ rolledBack: true });
  });

  it('keeps messages for devices back until the mark was read', async () => {
    const store = snapshot();
    world.server.tricks.answer = (request, answer) => {
      if (request.kind === 'accountDataGet') throw new Error('not yet');
      return answer;
    };
    await alice.host.close();
    const again = new SimClient(world.server, world.clock, alice.userId, alice.deviceId, { store });
    await again.host.call('unlock', { passphrase: PASSPHRASE });
    const { requests } = await again.host.call('pendingRequests', {});
    expect(requests.map(({ kind }) => kind)).toContain('accountDataGet');
    expect(requests.map(({ kind }) => kind)).not.toContain('toDevice');
    await again.host.close();
  });

  it('says nothing to the server but a sealed value, and takes no foreign one for its own', async () => {
    const path = `chat.nyx.store_epoch.${alice.deviceId}`;
    const stored = world.server.users.get(alice.userId)?.data.get(path);
    expect(Object.keys(stored ?? {}).sort()).toEqual(['ciphertext', 'nonce']);
    const theirs = world.server.users.get(bob.userId)?.data.get(path);
    if (theirs === undefined) throw new Error('no mark of Bob');
    world.server.users.get(alice.userId)?.data.set(path, theirs);
    await restart(snapshot());
    expect(await status(alice)).toMatchObject({ rolledBack: false });
  });
});
