/** The rules of epochs (e2ee.md section 3) and of healing (section 4), between engines over a simulated server. */
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSodium } from '../primitives/sodium.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import type { SimClient } from '../testing/sim-client.ts';
import type { MatrixEvent } from './events.ts';

const DAY = 24 * 60 * 60 * 1000;
let world: SimWorld;

// Generous: the suite shares two cores.
vi.setConfig({ testTimeout: 180_000 });
beforeAll(loadSodium);
beforeEach(() => {
  world = new SimWorld();
});

const kid = (event: MatrixEvent): unknown => event.content.kid;
const g = (event: MatrixEvent): unknown => event.content.g;

async function three(): Promise<[SimClient, SimClient, SimClient]> {
  const [alice, bob, carol] = await world.startAll('alice', 'bob', 'carol');
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error('three');
  await world.room(alice, bob, carol);
  return [alice, bob, carol];
}

describe('departures', () => {
  it('wipe the sending slot; the next sender makes an epoch without the departed', async () => {
    const [alice, bob, carol] = await three();
    const before = await alice.send(ROOM, 'all three');
    await world.settle();
    expect(await carol.text(ROOM, before)).toBe('all three');
    const departure = world.server.leave(ROOM, carol.userId, carol.userId);
    await world.settle();
    const after = await bob.send(ROOM, 'two of us');
    await world.settle();
    expect(kid(after)).not.toBe(kid(before));
    expect(after.content.after).toBe(departure);
    expect(await alice.text(ROOM, after)).toBe('two of us');
    expect(await carol.text(ROOM, after)).toBe('waiting');
    await world.pass(2 * 60_000, 2_000);
    expect(await carol.text(ROOM, after)).not.toBe('two of us');
    expect(await carol.text(ROOM, before)).toBe('all three');
  });

  it('that the sender has not seen are refused as stale; it re-keys and sends again', async () => {
    const [alice, bob, carol] = await three();
    const before = await alice.send(ROOM, 'one');
    await world.settle();
    world.server.leave(ROOM, bob.userId, carol.userId, 'ban');
    // Alice has not synced: her epoch still includes Carol.
    const event = await alice.send(ROOM, 'after the ban');
    expect(kid(event)).not.toBe(kid(before));
    await world.settle();
    expect(await bob.text(ROOM, event)).toBe('after the ban');
    expect(await carol.text(ROOM, event)).not.toBe('after the ban');
  });

  it('of one device re-key without a room event', async () => {
    const [alice, bob] = await three();
    const second = await alice.host.call('userIdentity', { userId: bob.userId });
    expect(second.devices).toHaveLength(1);
    const before = await alice.send(ROOM, 'one');
    await world.settle();
    world.server.removeDevice(bob.userId, 'D');
    world.clients.splice(world.clients.indexOf(bob), 1);
    await world.settle();
    const after = await alice.send(ROOM, 'two');
    expect(kid(after)).not.toBe(kid(before));
    expect((await alice.host.call('roomStatus', { roomId: ROOM })).withoutDevice).toEqual([bob.userId]);
  });

  it('named by a rotate signal make the next sender look and re-key', async () => {
    const [alice, bob, carol] = await three();
    const before = await alice.send(ROOM, 'one');
    await world.settle();
    world.server.tricks.hide = (event, user) => user === alice.userId && event.state_key === carol.userId;
    const departure = world.server.leave(ROOM, carol.userId, carol.userId);
    world.server.device(alice.userId, 'D').inbox.push({
      type: 'chat.nyx.rotate',
      sender: carol.userId,
      content: { room: ROOM, after: departure, reason: 'left' },
    });
    await world.settle();
    const after = await alice.send(ROOM, 'two');
    expect(kid(after)).not.toBe(kid(before));
    expect(after.content.after).toBe(departure);
    await world.settle();
    expect(await bob.text(ROOM, after)).toBe('two');
    expect(await carol.text(ROOM, after)).not.toBe('two');
  });
});

describe('joins', () => {
  it('ratchet the generation: no new key, and no reading back', async () => {
    const [alice, bob, carol] = await three();
    const early = await alice.send(ROOM, 'before Dave');
    await world.settle();
    const dave = await world.start('dave');
    await world.admit(alice, dave);
    await world.settle();
    const late = await bob.send(ROOM, 'hello Dave');
    await world.settle();
    expect(kid(late)).toBe(kid(early));
    expect(g(late)).toBe(1);
    for (const reader of [alice, carol, dave]) expect(await reader.text(ROOM, late)).toBe('hello Dave');
    expect(await dave.text(ROOM, early)).toBe('waiting');
    await world.pass(15 * 60_000, 5_000);
    expect(await dave.text(ROOM, early)).toBe('refused:before_join');
    const answer = await dave.send(ROOM, 'hello all');
    await world.settle();
    expect(kid(answer)).toBe(kid(early));
    for (const reader of [alice, bob, carol]) expect(await reader.text(ROOM, answer)).toBe('hello all');
  });
});

describe('a member list that is ahead of the timeline', () => {
  it('gives a joiner nothing of what was said before, unseen by whoever lets him in', async () => {
    const [alice, bob, carol, erin, dave] = await world.startAll('alice', 'bob', 'carol', 'erin', 'dave');
    if (!alice || !bob || !carol || !erin || !dave) throw new Error('five');
    await world.room(alice, bob, carol);
    world.server.leave(ROOM, carol.userId, carol.userId);
    await world.settle();
    await alice.send(ROOM, 'without carol');
    await world.settle();
    // A device was removed, says the server: Bob has to look at the member list before he sends.
    const { inbox } = world.server.device(bob.userId, bob.deviceId);
    inbox.push({ type: 'chat.nyx.rotate', sender: alice.userId, content: { room: ROOM } });
    await bob.sync();
    bob.online = false;
    await world.admit(alice, erin);
    await alice.settle();
    const before = await alice.send(ROOM, 'before dave');
    await world.admit(alice, dave);
    bob.online = true;
    // Bob has not synced: he knows erin and dave from the list alone, and no message between their joins.
    const after = await bob.send(ROOM, 'after dave');
    await world.settle();
    expect(await dave.text(ROOM, after)).toBe('after dave');
    expect(await dave.text(ROOM, before)).not.toBe('before dave');
    await world.pass(10_000, 1_000);
    expect(await dave.text(ROOM, before)).not.toBe('before dave');
    expect(await erin.text(ROOM, before)).toBe('before dave');
  });
});

describe('rotation', () => {
  it('comes after seven days, and after a thousand messages', async () => {
    const [alice, bob] = await three();
    const first = await alice.send(ROOM, 'first');
    await world.settle();
    world.clock.now += 7 * DAY - 60_000;
    const same = await alice.send(ROOM, 'still');
    expect(kid(same)).toBe(kid(first));
    world.clock.now += 2 * 60_000;
    const next = await bob.send(ROOM, 'a week on');
    expect(kid(next)).not.toBe(kid(first));
    let last = next;
    for (let i = 0; i < 1000; i++) last = await bob.send(ROOM, `m${i}`, `n${i}`);
    expect(kid(last)).not.toBe(kid(next));
    await world.settle();
    expect(await alice.text(ROOM, last)).toBe('m999');
  });
});

describe('two lazy senders', () => {
  it('start two epochs; both stay readable, and everybody goes on with the lower kid', async () => {
    const [alice, bob, carol] = await three();
    const [a, b] = [await alice.send(ROOM, 'from Alice'), await bob.send(ROOM, 'from Bob')];
    expect(kid(a)).not.toBe(kid(b));
    await world.settle();
    for (const reader of [alice, bob, carol]) {
      expect(await reader.text(ROOM, a)).toBe('from Alice');
      expect(await reader.text(ROOM, b)).toBe('from Bob');
    }
    const lower = [String(kid(a)), String(kid(b))].sort()[0];
    for (const sender of [alice, bob, carol]) {
      const next = await sender.send(ROOM, 'next');
      expect(kid(next)).toBe(lower);
    }
  });
});

describe('what stands in clear', () => {
  it('is the relation without its key and that somebody is mentioned, and never the text', async () => {
    const [alice, bob] = await three();
    const event = await alice.sendContent(
      ROOM,
      {
        body: 'secret words',
        'm.relates_to': { rel_type: 'm.annotation', event_id: '$x', key: '👍' },
        'm.mentions': { user_ids: [bob.userId] },
      },
      'txn',
    );
    expect(event.content['m.relates_to']).toEqual({ rel_type: 'm.annotation', event_id: '$x' });
    expect(event.content['chat.nyx.mentions']).toBe(true);
    expect(JSON.stringify(event.content)).not.toMatch(/secret|👍|bob/);
    await world.settle();
    const [read] = await bob.read(ROOM, event);
    expect(read).toMatchObject({ state: 'decrypted', content: { 'm.relates_to': { key: '👍' } } });
  });

  it('has at most six lengths for a thousand texts', async () => {
    const [alice] = await three();
    await alice.send(ROOM, 'warm');
    const sizes = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const content = { body: 'x'.repeat(1 + ((i * i) % 30_000)) };
      const event = await alice.encrypt(ROOM, content, `t${i}`);
      sizes.add(String(event.ciphertext).length);
    }
    expect(sizes.size).toBeLessThanOrEqual(6);
    expect(sizes.size).toBeGreaterThan(2);
  });
});

describe('healing', () => {
  /** Carol misses every key share for a while. */
  const dropSharesTo = (carol: SimClient): void => {
    world.server.tricks.toDevice = (event, user) => (user === carol.userId ? undefined : event);
  };

  it('gets a lost key from the sender at once', async () => {
    const [alice, , carol] = await three();
    dropSharesTo(carol);
    const event = await alice.send(ROOM, 'lost and found');
    await world.settle();
    delete world.server.tricks.toDevice;
    expect(await carol.text(ROOM, event)).toBe('waiting');
    await world.pass(1_000);
    expect(
      carol.notices.some((n) => n.kind === 'keysArrived' && n.eventIds.includes(event.event_id ?? '')),
    ).toBe(true);
    expect(await carol.text(ROOM, event)).toBe('lost and found');
  });

  it('asks again within five seconds when question or answer was lost and there is nobody else', async () => {
    for (const lost of ['question', 'answer'] as const) {
      world = new SimWorld();
      const [alice, bob] = await world.startAll('alice', 'bob');
      if (alice === undefined || bob === undefined) throw new Error('two');
      await world.room(alice, bob);
      world.server.tricks.toDevice = (event, user) => (user === bob.userId ? undefined : event);
      const event = await alice.send(ROOM, 'just us two');
      await world.settle();
      const loser = lost === 'question' ? alice : bob;
      world.server.tricks.toDevice = (sent, user) => (user === loser.userId ? undefined : sent);
      expect(await bob.text(ROOM, event)).toBe('waiting');
      await world.settle();
      delete world.server.tricks.toDevice;
      await world.pass(5_000, 250);
      expect(await bob.text(ROOM, event)).toBe('just us two');
    }
  });

  it('costs one answer when many questions waited for a holder who was away', async () => {
    const [alice, bob] = await world.startAll('alice', 'bob');
    if (alice === undefined || bob === undefined) throw new Error('two');
    await world.room(alice, bob);
    world.server.tricks.toDevice = (event, user) => (user === bob.userId ? undefined : event);
    const events: MatrixEvent[] = [];
    // More keys than answers an hour, if each question cost one.
    for (let i = 0; i < 12; i++) {
      events.push(await alice.send(ROOM, `key ${i}`));
      await alice.encrypt(ROOM, { body: 'refused' }, `refused ${i}`);
      await alice.host.call('eventStale', { roomId: ROOM, txnId: `refused ${i}` });
      await alice.settle();
    }
    alice.online = false;
    delete world.server.tricks.toDevice;
    await bob.settle();
    await bob.read(ROOM, ...events);
    await world.pass(70_000, 1_000);
    expect(new Set(events.map(kid)).size).toBe(12);
    alice.online = true;
    await world.settle();
    for (const [i, event] of events.entries()) expect(await bob.text(ROOM, event)).toBe(`key ${i}`);
    // Bob's answers of this hour are not used up.
    world.server.tricks.toDevice = (event, user) => (user === bob.userId ? undefined : event);
    const next = await alice.send(ROOM, 'one more');
    await alice.settle();
    delete world.server.tricks.toDevice;
    expect(await bob.text(ROOM, next)).toBe('waiting');
    await world.pass(1_000);
    expect(await bob.text(ROOM, next)).toBe('one more');
  });

  it('asks again a minute later when the only answer was lost', async () => {
    const [alice, bob, carol] = await three();
    bob.online = false;
    dropSharesTo(carol);
    const event = await alice.send(ROOM, 'lost twice');
    await world.settle();
    expect(await carol.text(ROOM, event)).toBe('waiting');
    await world.pass(10_000, 250);
    delete world.server.tricks.toDevice;
    expect(await carol.text(ROOM, event)).toBe('waiting');
    await world.pass(60_000, 1_000);
    expect(await carol.text(ROOM, event)).toBe('lost twice');
  });

  it('gets it from any member within five seconds when the sender is away', async () => {
    const [alice, , carol] = await three();
    const more = await world.startAll('dan', 'eve', 'fay', 'gil');
    for (const other of more) await world.admit(alice, other);
    await world.settle();
    dropSharesTo(carol);
    const event = await alice.send(ROOM, 'who has it?');
    await world.settle();
    delete world.server.tricks.toDevice;
    for (const other of world.clients) other.online = other === carol || other.userId.startsWith('@gil');
    expect(await carol.text(ROOM, event)).toBe('waiting');
    await world.pass(5_000, 250);
    expect(await carol.text(ROOM, event)).toBe('who has it?');
  });

  it('gives up after its tries and says "ask the sender", then asks again when told to', async () => {
    const [alice, bob, carol] = await three();
    dropSharesTo(carol);
    const event = await alice.send(ROOM, 'nobody home');
    await world.settle();
    delete world.server.tricks.toDevice;
    alice.online = false;
    bob.online = false;
    expect(await carol.text(ROOM, event)).toBe('waiting');
    await world.pass(20 * 60_000, 5_000);
    const [result] = await carol.read(ROOM, event);
    expect(result).toMatchObject({ state: 'waiting', askSender: true });
    alice.online = true;
    bob.online = true;
    await carol.host.call('askForKey', { roomId: ROOM, eventId: event.event_id ?? '' });
    await world.pass(2_000);
    expect(await carol.text(ROOM, event)).toBe('nobody home');
  });

  it('answers one device at most five times about one key', async () => {
    const [alice, , carol] = await three();
    let answers = 0;
    world.server.tricks.toDevice = (event, user) => {
      if (user !== carol.userId) return event;
      if (event.sender === alice.userId) answers += 1;
      return undefined;
    };
    const event = await alice.send(ROOM, 'again and again');
    await world.settle();
    expect(await carol.text(ROOM, event)).toBe('waiting');
    answers = 0;
    // Carol asks for ever; every answer is lost on the way.
    for (let i = 0; i < 12; i++) {
      await carol.host.call('askForKey', { roomId: ROOM, eventId: event.event_id ?? '' });
      await world.pass(500);
    }
    expect(answers).toBeGreaterThan(1);
    // Five answers, and one empty frame with which Alice turns the ratchet of the new session.
    expect(answers).toBeLessThanOrEqual(6);
  });
});
