/**
 * Twenty members over a server that drops, duplicates and reorders, with joins and leaves at random. In the end every
 * message that a member was entitled to is read, and none that it was not.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadSodium } from '../primitives/sodium.ts';
import { Dice } from '../testing/seeded.ts';
import type { SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import type { MatrixEvent } from './events.ts';

beforeAll(loadSodium);

const isLong = (process.env.NYX_TEST_LONG ?? '') !== '';
const SEED = Number(process.env.NYX_TEST_SEED ?? 20_260_601);
const MEMBERS = 20;
const MESSAGES = isLong ? 100_000 : 2_000;

type Sent = {
  readonly event: MatrixEvent;
  readonly position: number;
  readonly text: string;
  /** Members whose signed join the sender had seen. */
  readonly entitled: readonly string[];
};

/** What the simulation knows besides: the truth about who was in the room when. */
class Truth {
  readonly world: SimWorld;
  readonly sent: Sent[] = [];
  /** Spans of timeline positions of membership, per user: [first, last). */
  readonly spans = new Map<string, [number, number][]>();

  /** Membership events by position, as far as they were looked at. */
  readonly #changes: { readonly at: number; readonly event: MatrixEvent }[] = [];
  #scanned = 0;

  constructor(world: SimWorld) {
    this.world = world;
  }

  get timeline(): MatrixEvent[] {
    return this.world.server.rooms.get(ROOM)?.timeline ?? [];
  }

  joined(userId: string): void {
    const spans = this.spans.get(userId) ?? [];
    if (spans.at(-1)?.[1] !== Infinity) spans.push([this.timeline.length, Infinity]);
    this.spans.set(userId, spans);
  }

  left(userId: string): void {
    const span = this.spans.get(userId)?.at(-1);
    if (span !== undefined) span[1] = this.timeline.length;
  }

  wasMember(userId: string, position: number): boolean {
    return (this.spans.get(userId) ?? []).some(([from, to]) => position >= from && position < to);
  }

  /** Members whose current, signed join stands before what the sender has synced. */
  seenBy(sender: SimClient): string[] {
    const upTo = sender.server.device(sender.userId, sender.deviceId).positions.get(ROOM) ?? 0;
    const seen = new Set<string>();
    for (; this.#scanned < this.timeline.length; this.#scanned++) {
      const event = this.timeline[this.#scanned];
      if (event?.type === 'm.room.member') this.#changes.push({ at: this.#scanned, event });
    }
    for (const { at, event } of this.#changes) {
      if (at >= upTo) break;
      const signed = event.content['chat.nyx.membership'] !== undefined;
      if (event.content.membership === 'join' && signed) seen.add(event.state_key ?? '');
      if (event.content.membership === 'leave') seen.delete(event.state_key ?? '');
    }
    return [...seen];
  }
}

async function simulate(seed: number, messages: number) {
  const dice = new Dice(seed);
  const world = new SimWorld();
  const truth = new Truth(world);
  const names = Array.from({ length: MEMBERS }, (_, i) => `m${i}`);
  const clients = await world.startAll(...names);
  const [creator, ...others] = clients;
  if (creator === undefined) throw new Error('nobody');
  world.server.createRoom(ROOM, creator.userId);
  truth.joined(creator.userId);
  await creator.settle();
  const admit = async (client: SimClient) => {
    await creator.invite(ROOM, client.userId);
    await client.settle();
    truth.joined(client.userId);
    await client.join(ROOM);
  };
  for (const client of others.slice(0, 14)) await admit(client);
  await world.settle();
  world.server.tricks.toDevice = (event, user, device) => {
    if (dice.chance(10)) return undefined;
    const { inbox } = world.server.device(user, device);
    if (dice.chance(5)) inbox.push(structuredClone(event));
    if (dice.chance(20)) inbox.splice(dice.below(inbox.length + 1), 0, inbox.pop() ?? event);
    return event;
  };
  while (truth.sent.length < messages) {
    world.clock.advance(dice.below(1_000));
    if (dice.chance(1.5)) {
      const member = dice.pick(others);
      if (world.server.joined(ROOM).includes(member.userId)) {
        world.server.leave(ROOM, member.userId, member.userId);
        truth.left(member.userId);
      } else if (creator.online) await admit(member);
    }
    for (const client of clients) {
      if (dice.chance(2)) client.online = !client.online;
      if (client.online && dice.chance(30)) await client.sync();
      if (client.online && dice.chance(50)) await client.work();
    }
    const sender = dice.pick(clients);
    const canSend = sender.online && world.server.joined(ROOM).includes(sender.userId);
    if (!canSend || !truth.seenBy(sender).includes(sender.userId)) continue;
    const text = `message ${truth.sent.length}`;
    const entitled = truth.seenBy(sender);
    const event = await sender.send(ROOM, text, text);
    truth.sent.push({ event, position: truth.timeline.lastIndexOf(event), text, entitled });
    // Some read at once: what they cannot read they ask for.
    for (const reader of clients)
      if (reader.online && dice.chance(10))
        await reader.read(ROOM, ...truth.sent.slice(-20).map((s) => s.event));
  }
  delete world.server.tricks.toDevice;
  for (const client of clients) client.online = true;
  await world.settle();
  return { world, truth, clients };
}

describe('two thousand messages through a bad server', () => {
  it(
    `are read by all who may, and by nobody else (seed ${SEED})`,
    async () => {
      const { world, truth, clients } = await simulate(SEED, MESSAGES);
      const pages = Array.from({ length: Math.ceil(truth.sent.length / 400) }, (_, i) =>
        truth.sent.slice(i * 400, (i + 1) * 400),
      );
      // First reading asks for what is missing; healing then has time.
      for (const client of clients)
        for (const page of pages) await client.read(ROOM, ...page.map((s) => s.event));
      await world.pass(5_000, 250);
      const wrong: string[] = [];
      let read = 0;
      for (const client of clients) {
        const now = world.server.joined(ROOM).includes(client.userId);
        for (const page of pages) {
          const results = await client.read(ROOM, ...page.map((s) => s.event));
          page.forEach(({ position, text, entitled }, i) => {
            const result = results[i];
            const ok = result?.state === 'decrypted' && result.content.body === text;
            const wasIn = truth.wasMember(client.userId, position);
            const since = truth.spans.get(client.userId)?.at(-1)?.[0] ?? Infinity;
            if (ok) read += 1;
            if (ok && !wasIn) wrong.push(`${client.userId} read ${text} as a stranger`);
            if (!ok && now && position >= since && entitled.includes(client.userId))
              wrong.push(`${client.userId} cannot read ${text}: ${JSON.stringify(result)}`);
          });
        }
      }
      expect(wrong.slice(0, 10)).toEqual([]);
      expect(read).toBeGreaterThan(MESSAGES * 5);
    },
    isLong ? 6 * 60 * 60_000 : 900_000,
  );
});
