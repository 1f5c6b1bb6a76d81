import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSodium } from '../primitives/sodium.ts';
import { SimClient, SimClock, settleAll } from '../testing/sim-client.ts';
import { SimServer } from '../testing/sim-server.ts';

const ROOM = '!room:one.test';
let server: SimServer;
let clock: SimClock;

// Generous: the suite shares two cores.
vi.setConfig({ testTimeout: 180_000 });
beforeAll(loadSodium);
beforeEach(() => {
  server = new SimServer();
  clock = new SimClock();
});

const start = (name: string, device = 'D') =>
  SimClient.start(server, clock, `@${name}:${name === 'bob' ? 'two' : 'one'}.test`, device);

/** A room in which these are signed members, the first its creator. */
async function roomOf(...clients: SimClient[]): Promise<void> {
  const [creator, ...others] = clients;
  if (creator === undefined) return;
  server.createRoom(ROOM, creator.userId);
  await creator.settle();
  for (const other of others) {
    await creator.invite(ROOM, other.userId);
    await other.settle();
    await other.join(ROOM);
  }
  await settleAll(...clients);
}

describe('a new device', () => {
  it('uploads its keys once, a hundred prekeys and a signed one, and is cross-signed', async () => {
    const alice = await start('alice');
    const device = server.device(alice.userId, 'D');
    expect(device.keys?.algorithms).toEqual(['chat.nyx.x3dh-dr.v1', 'chat.nyx.epoch.v1']);
    expect(device.oneTime.size).toBe(100);
    expect([...device.fallback.keys()][0]).toMatch(/^chat\.nyx\.spk\.v1:/);
    const status = await alice.host.call('identityStatus', {});
    expect(status).toMatchObject({ crossSigning: 'ready', deviceSigned: true });
  });
});

describe('a room of two users on two servers', () => {
  it('carries messages both ways', async () => {
    const [alice, bob] = [await start('alice'), await start('bob')];
    await roomOf(alice, bob);
    const first = await alice.send(ROOM, 'hello Bob');
    await settleAll(alice, bob);
    expect(await bob.text(ROOM, first)).toBe('hello Bob');
    const second = await bob.send(ROOM, 'hello Alice');
    await settleAll(alice, bob);
    expect(await alice.text(ROOM, second)).toBe('hello Alice');
    expect(await bob.text(ROOM, second)).toBe('hello Alice');
    expect(await alice.text(ROOM, first)).toBe('hello Bob');
    expect(first.content.kid).toBe(second.content.kid);
  });
});
