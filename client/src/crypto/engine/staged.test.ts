/** What a device says before its owner's device list, or the signature on it, has come to those it speaks to. */
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSodium } from '../primitives/sodium.ts';
import { MemoryStore } from '../testing/memory-store.ts';
import { PASSPHRASE, SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import type { MatrixEvent } from './events.ts';

type Devices = Record<string, Record<string, { signatures?: Record<string, Record<string, string>> }>>;

const MALLORY = '@mallory:two.test';

let world: SimWorld;
let alice: SimClient;
let bob: SimClient;
/** Bob's new device, recovered with his words. */
let fresh: SimClient;
/** What Alice is shown of the new device. */
let shown: 'nothing' | 'unsigned' | 'all';

// Generous: the suite shares two cores.
vi.setConfig({ testTimeout: 180_000 });
beforeAll(loadSodium);

/** Rewrites what Alice is told of Bob's new device. */
const blur = (answer: unknown): unknown => {
  const devices = (answer as { device_keys?: Devices }).device_keys?.[bob.userId];
  if (devices?.NEW === undefined || shown === 'all') return answer;
  const own = devices.NEW.signatures?.[bob.userId] ?? {};
  if (shown === 'nothing') delete devices.NEW;
  else devices.NEW.signatures = { [bob.userId]: { 'ed25519:NEW': own['ed25519:NEW'] ?? '' } };
  return answer;
};

const look = (): void => world.server.noteChanged(bob.userId);

beforeEach(async () => {
  world = new SimWorld();
  shown = 'nothing';
  alice = await world.start('alice');
  bob = new SimClient(world.server, world.clock, '@bob:two.test', 'OLD');
  world.server.addDevice(bob.userId, 'OLD');
  const owner = { userId: bob.userId, passphrase: PASSPHRASE };
  const { words } = await bob.host.call('createVault', { ...owner, deviceId: 'OLD' });
  if (words === undefined) throw new Error('no words');
  await bob.while(bob.host.call('bootstrapIdentity', {}));
  world.clients.push(bob);
  await world.room(alice, bob);
  await bob.send(ROOM, 'from the old device');
  await world.settle();
  world.server.tricks.answer = (request, answer, user) =>
    user === alice.userId && request.kind === 'keysQuery' ? blur(answer) : answer;
  fresh = new SimClient(world.server, world.clock, bob.userId, 'NEW');
  world.server.addDevice(bob.userId, 'NEW');
  await fresh.host.call('createVault', { ...owner, deviceId: 'NEW', words: [...words] });
  world.clients.push(fresh);
  await fresh.settle();
  await fresh.while(fresh.host.call('restoreIdentity', { words: [...words] }));
  await world.settle();
  // Nobody else could help out.
  bob.online = false;
});

/** The new device speaks; its shares reach Alice, and nothing that is sent afterwards does. */
async function speaks(): Promise<MatrixEvent> {
  const event = await fresh.send(ROOM, 'from the new device');
  await world.settle();
  world.server.tricks.toDevice = () => undefined;
  return event;
}

describe('a share from a device that is', () => {
  it('not in the list yet waits for the list, over an answer that still lacks it', async () => {
    const event = await speaks();
    look();
    await world.settle();
    shown = 'all';
    look();
    await world.settle();
    expect(await alice.text(ROOM, event)).toBe('from the new device');
  });

  it('listed but not signed yet counts once it is signed, and not before', async () => {
    shown = 'unsigned';
    const event = await speaks();
    expect(await alice.text(ROOM, event)).toBe('waiting');
    look();
    await world.settle();
    expect(await alice.text(ROOM, event)).toBe('waiting');
    shown = 'all';
    look();
    await world.settle();
    expect(await alice.text(ROOM, event)).toBe('from the new device');
  });

  it('listed but never signed is forgotten after a day', async () => {
    shown = 'unsigned';
    const event = await speaks();
    world.clock.advance(25 * 60 * 60 * 1000);
    shown = 'all';
    look();
    await world.settle();
    expect(await alice.text(ROOM, event)).toBe('waiting');
  });
});

describe('a request from a device that is not signed yet', () => {
  it('is answered once it is signed, and not before', async () => {
    shown = 'all';
    look();
    await world.settle();
    // A fresh epoch, whose share for the new device is lost.
    world.clock.advance(8 * 24 * 60 * 60 * 1000);
    world.server.tricks.toDevice = () => undefined;
    const event = await alice.send(ROOM, 'for both');
    await world.settle();
    delete world.server.tricks.toDevice;
    shown = 'unsigned';
    look();
    await alice.settle();
    expect(await fresh.text(ROOM, event)).toBe('waiting');
    // Its request goes out once it has a session with Alice's device.
    await world.pass(1_000);
    expect(await fresh.text(ROOM, event)).toBe('waiting');
    fresh.online = false;
    shown = 'all';
    look();
    await world.settle();
    fresh.online = true;
    await world.settle();
    expect(await fresh.text(ROOM, event)).toBe('for both');
  });
});

describe('a message of a device that is listed but not signed yet', () => {
  it('is not shown as its sender said, and decrypted again when the signature has come', async () => {
    shown = 'unsigned';
    const event = await fresh.send(ROOM, 'from the new device');
    bob.online = true;
    await world.settle();
    // The old device, which is trusted, hands the key over.
    expect(await alice.text(ROOM, event)).toBe('waiting');
    await world.pass(1_000);
    expect(await alice.text(ROOM, event)).toBe('unverified:unsigned_device');
    await world.settle();
    alice.notices.length = 0;
    expect(await alice.text(ROOM, event)).toBe('unverified:unsigned_device');
    // Having looked just now, it is not asked about again at each reading.
    expect(alice.busy).toBe(false);
    shown = 'all';
    look();
    await world.settle();
    const arrived = alice.notices.flatMap((n) => (n.kind === 'keysArrived' ? n.eventIds : []));
    expect(arrived).toContain(event.event_id);
    expect(await alice.text(ROOM, event)).toBe('from the new device');
  });
});

describe('frames that nobody can explain', () => {
  const stored = (): number => {
    if (!(alice.store instanceof MemoryStore)) throw new Error('in memory');
    return [...alice.store.records.keys()].filter((name) => name.startsWith('pending-')).length;
  };

  it('are kept within bounds, fifty of a user, and asked about once a minute at most', async () => {
    const { inbox } = world.server.device(alice.userId, alice.deviceId);
    const asked = (): number =>
      world.server.seen.filter(({ request }) => JSON.stringify(request.body ?? {}).includes(MALLORY)).length;
    for (let i = 0; i < 120; i++)
      inbox.push({ type: 'm.room.encrypted', sender: MALLORY, content: flood(i, 'A'.repeat(300)) });
    await alice.settle();
    expect(stored()).toBe(50);
    expect(asked()).toBe(1);
    inbox.push({ type: 'm.room.encrypted', sender: MALLORY, content: flood(120, 'A'.repeat(300)) });
    await alice.settle();
    expect(asked()).toBe(1);
    world.clock.advance(61_000);
    inbox.push({ type: 'm.room.encrypted', sender: MALLORY, content: flood(121, 'A'.repeat(300)) });
    await alice.settle();
    expect([stored(), asked()]).toEqual([50, 2]);
  });
});

/** A frame for Alice's device under a key that nobody announces. */
function flood(i: number, body: string): Record<string, unknown> {
  return {
    algorithm: 'chat.nyx.x3dh-dr.v1',
    sender_key: i.toString(36).padStart(43, 'A'),
    ciphertext: { [aliceKey()]: { type: 0, body } },
  };
}

/** Alice's public key, out of what the server was given. */
function aliceKey(): string {
  const keys = world.server.device(alice.userId, alice.deviceId).keys as
    { keys: Record<string, string> } | undefined;
  return keys?.keys[`curve25519:${alice.deviceId}`] ?? '';
}
