/** What is said between a newcomer's join and the signature on it (e2ee.md section 3). */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadSodium } from '../primitives/sodium.ts';
import type { SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import type { MatrixEvent } from './events.ts';

beforeAll(loadSodium);

let world: SimWorld;
let alice: SimClient;
let carol: SimClient;
let bob: SimClient;
let early: MatrixEvent;

const kid = (event: MatrixEvent): unknown => event.content.kid;
const g = (event: MatrixEvent): unknown => event.content.g;

/** Alice and Carol have talked; Bob is invited and knows it. */
beforeEach(async () => {
  world = new SimWorld();
  const [first, second, third] = await world.startAll('alice', 'carol', 'bob');
  if (first === undefined || second === undefined || third === undefined) throw new Error('three');
  [alice, carol, bob] = [first, second, third];
  await world.room(alice, carol);
  early = await alice.send(ROOM, 'before Bob');
  await world.settle();
  await alice.invite(ROOM, bob.userId);
  await world.settle();
  await bob.sync();
});

describe('a join that carries its signature', () => {
  it('lets the newcomer read the very next message', async () => {
    await bob.joinSigned(ROOM);
    await alice.settle();
    const event = await alice.send(ROOM, 'welcome');
    await world.settle();
    expect(await bob.text(ROOM, event)).toBe('welcome');
    expect(await bob.text(ROOM, early)).not.toBe('before Bob');
    expect(await carol.text(ROOM, event)).toBe('welcome');
  });

  it('is not signed again', async () => {
    await bob.joinSigned(ROOM);
    await world.settle();
    const joins = world.server.rooms.get(ROOM)?.timeline.filter((e) => e.state_key === bob.userId);
    expect(joins?.map((e) => e.content.membership)).toEqual(['invite', 'join']);
  });
});

describe('a join that is signed later', () => {
  it('opens what was said in between, and nothing from before the join', async () => {
    bob.joinUnsigned(ROOM);
    await alice.settle();
    const between = await alice.send(ROOM, 'are you there?');
    expect(g(between)).toBe(1);
    expect(kid(between)).toBe(kid(early));
    await world.settle();
    expect(await bob.text(ROOM, between)).toBe('are you there?');
    expect(await bob.text(ROOM, early)).not.toBe('before Bob');
    expect(await carol.text(ROOM, between)).toBe('are you there?');
    // Carol, who never saw the promise, goes on in the same epoch and knows that he is in it.
    const after = await carol.send(ROOM, 'welcome');
    await world.settle();
    expect(kid(after)).toBe(kid(early));
    for (const reader of [alice, bob]) expect(await reader.text(ROOM, after)).toBe('welcome');
  });

  it('heals also after he asked too early and was refused', async () => {
    bob.joinUnsigned(ROOM);
    await alice.settle();
    const between = await alice.send(ROOM, 'are you there?');
    await alice.settle();
    // He reads and asks before his signature leaves.
    await bob.host.call('processSync', world.server.sync(bob.userId, bob.deviceId));
    const signing = (await bob.host.call('pendingRequests', {})).requests.filter(
      (request) => request.kind === 'memberState',
    );
    expect(signing).toHaveLength(1);
    expect(await bob.text(ROOM, between)).toBe('waiting');
    await world.settle();
    await world.pass(5_000);
    expect(await bob.text(ROOM, between)).toBe('are you there?');
  });

  it('moves the epoch on once, however many speak in between, and not for ever', async () => {
    bob.online = false;
    bob.joinUnsigned(ROOM);
    await world.settle();
    const said: MatrixEvent[] = [];
    for (const sender of [alice, carol, alice, carol]) {
      said.push(await sender.send(ROOM, `line ${said.length}`));
      await world.settle();
      for (const reader of [alice, carol]) await reader.read(ROOM, ...said);
    }
    expect(said.map(g)).toEqual([1, 1, 1, 1]);
    carol.online = false;
    bob.online = true;
    await world.settle();
    await world.pass(5_000);
    for (const [i, event] of said.entries()) expect(await bob.text(ROOM, event)).toBe(`line ${i}`);
  });

  it('is waited for an hour, and then only from the signature on', async () => {
    bob.online = false;
    bob.joinUnsigned(ROOM);
    await world.settle();
    world.clock.advance(61 * 60_000);
    expect(g(await alice.send(ROOM, 'nobody signs'))).toBe(0);
    bob.online = true;
    await world.settle();
    const after = await alice.send(ROOM, 'now he did');
    await world.settle();
    expect(await bob.text(ROOM, after)).toBe('now he did');
  });

  it('counts in an epoch that began in between', async () => {
    bob.joinUnsigned(ROOM);
    await alice.settle();
    world.server.leave(ROOM, carol.userId, carol.userId);
    await alice.settle();
    const between = await alice.send(ROOM, 'Carol has left');
    expect(kid(between)).not.toBe(kid(early));
    await world.settle();
    expect(await bob.text(ROOM, between)).toBe('Carol has left');
    expect(await carol.text(ROOM, between)).not.toBe('Carol has left');
  });

  it('is owed nothing once he has left, though he comes back signed', async () => {
    bob.online = false;
    bob.joinUnsigned(ROOM);
    await alice.settle();
    const between = await alice.send(ROOM, 'are you there?');
    world.server.leave(ROOM, bob.userId, bob.userId);
    const away = await alice.send(ROOM, 'he is gone');
    await alice.settle();
    world.clock.advance(1_000);
    await alice.invite(ROOM, bob.userId);
    bob.online = true;
    await bob.settle();
    await bob.joinSigned(ROOM);
    await world.settle();
    const back = await alice.send(ROOM, 'back again');
    await world.settle();
    await bob.read(ROOM, between, away);
    await world.pass(20_000);
    for (const event of [early, between, away]) expect(await bob.text(ROOM, event)).not.toMatch(/there|gone/);
    expect(await bob.text(ROOM, back)).toBe('back again');
  });
});

describe('a member whom the server invented', () => {
  it('gets no key, moves no generation, and a later signature without an invitation helps nothing', async () => {
    const [eve] = await world.startAll('eve');
    if (eve === undefined) throw new Error('eve');
    eve.joinUnsigned(ROOM);
    await alice.settle();
    const between = await alice.send(ROOM, 'just us');
    expect([kid(between), g(between)]).toEqual([kid(early), 0]);
    await world.settle();
    await eve.text(ROOM, between);
    await world.pass(70_000, 2_000);
    expect(await eve.text(ROOM, between)).not.toBe('just us');
  });

  it('gets no key though somebody invited him, while he has not signed', async () => {
    bob.online = false;
    bob.joinUnsigned(ROOM);
    await alice.settle();
    const between = await alice.send(ROOM, 'just us');
    await alice.settle();
    await carol.settle();
    const before = world.server.device(bob.userId, bob.deviceId).inbox.length;
    await world.pass(70_000, 2_000);
    expect(world.server.device(bob.userId, bob.deviceId).inbox.length).toBe(before);
    expect(before).toBe(0);
    expect(await carol.text(ROOM, between)).toBe('just us');
  });
});
