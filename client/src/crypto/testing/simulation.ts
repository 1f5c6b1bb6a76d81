/**
 * Twenty members over a server that drops, duplicates and reorders, with joins and leaves at random; and the truth
 * about who was entitled to what. Everything comes out of the seed, keys included: a run that fails fails again.
 */
import type { MatrixEvent } from '../engine/events.ts';
import { Dice } from './seeded.ts';
import { seededBytes } from './seeded-bytes.ts';
import type { SimClient } from './sim-client.ts';
import { ROOM, SimWorld } from './sim-room.ts';

const MEMBERS = 20;
const MEMBERS_AT_FIRST = 14;
/** Messages of one `decryptEvents`. */
const PAGE = 400;

type Sent = {
  readonly event: MatrixEvent;
  readonly position: number;
  readonly text: string;
  /** Members whose signed join the sender had seen. */
  readonly entitled: ReadonlySet<string>;
};

/** What the simulation knows besides: the truth about who was in the room when. */
class Truth {
  readonly world: SimWorld;
  readonly sent: Sent[] = [];
  /** Spans of timeline positions of membership, per user: [first, last). */
  readonly spans = new Map<string, [number, number][]>();

  /** Members as each sender has seen them: position up to which, and who. */
  readonly #seen = new Map<string, { upTo: number; members: ReadonlySet<string> }>();

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
  seenBy(sender: SimClient): ReadonlySet<string> {
    const upTo = sender.server.device(sender.userId, sender.deviceId).positions.get(ROOM) ?? 0;
    const before = this.#seen.get(sender.userId) ?? { upTo: 0, members: new Set<string>() };
    let { members } = before;
    for (const event of this.timeline.slice(before.upTo, upTo)) {
      if (event.type !== 'm.room.member') continue;
      const signed = event.content['chat.nyx.membership'] !== undefined;
      const next = new Set(members);
      if (event.content.membership === 'join' && signed) next.add(event.state_key ?? '');
      if (event.content.membership === 'leave') next.delete(event.state_key ?? '');
      members = next;
    }
    this.#seen.set(sender.userId, { upTo: Math.max(before.upTo, upTo), members });
    return members;
  }
}

/** Lets the server lose, repeat and shuffle to-device messages. */
function makeBad(world: SimWorld, dice: Dice): void {
  world.server.tricks.toDevice = (event, user, device) => {
    if (dice.chance(10)) return undefined;
    const { inbox } = world.server.device(user, device);
    if (dice.chance(5)) inbox.push(structuredClone(event));
    if (dice.chance(20)) inbox.splice(dice.below(inbox.length + 1), 0, inbox.pop() ?? event);
    return event;
  };
}

async function run(seed: number, messages: number) {
  const dice = new Dice(seed);
  const world = new SimWorld();
  // What went over the wire would be gigabytes.
  world.server.records = false;
  const truth = new Truth(world);
  const clients: SimClient[] = [];
  for (let i = 0; i < MEMBERS; i++)
    clients.push(await world.start(`m${i}`, 'D', { random: seededBytes(`${seed}/${i}`) }));
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
  for (const client of others.slice(0, MEMBERS_AT_FIRST)) await admit(client);
  await world.settle();
  makeBad(world, dice);
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
    const entitled = truth.seenBy(sender);
    const inRoom = world.server.joined(ROOM).includes(sender.userId);
    if (!sender.online || !inRoom || !entitled.has(sender.userId)) continue;
    const text = `message ${truth.sent.length}`;
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

export type Verdict = {
  /** What a member could not read, or a stranger could. */
  readonly wrong: readonly string[];
  /** Messages read, by all members together. */
  readonly read: number;
};

/** Runs the simulation and reads everything as everybody. */
export async function simulate(seed: number, messages: number): Promise<Verdict> {
  const { world, truth, clients } = await run(seed, messages);
  const pages = Array.from({ length: Math.ceil(truth.sent.length / PAGE) }, (_, i) =>
    truth.sent.slice(i * PAGE, (i + 1) * PAGE),
  );
  const entitledTo = (client: SimClient, { position, entitled }: Sent): boolean =>
    world.server.joined(ROOM).includes(client.userId) &&
    position >= (truth.spans.get(client.userId)?.at(-1)?.[0] ?? Infinity) &&
    entitled.has(client.userId);
  const wrong: string[] = [];
  let read = 0;
  const look = async (client: SimClient, page: readonly Sent[], last: boolean): Promise<Sent[]> => {
    const unread: Sent[] = [];
    const results = await client.read(ROOM, ...page.map((s) => s.event));
    page.forEach((sent, i) => {
      const result = results[i];
      const ok = result?.state === 'decrypted' && result.content.body === sent.text;
      if (ok) read += 1;
      else unread.push(sent);
      if (ok && !truth.wasMember(client.userId, sent.position))
        wrong.push(`${client.userId} read ${sent.text} as a stranger`);
      if (!ok && last && entitledTo(client, sent))
        wrong.push(`${client.userId} cannot read ${sent.text}: ${JSON.stringify(result)}`);
    });
    return unread;
  };
  // The first reading asks for what is missing; healing then has five seconds.
  const unread = new Map<SimClient, Sent[][]>();
  for (const client of clients) {
    const left: Sent[][] = [];
    for (const page of pages) left.push(await look(client, page, false));
    unread.set(client, left);
  }
  await world.pass(5_000, 250);
  for (const [client, left] of unread)
    for (const page of left) if (page.length > 0) await look(client, page, true);
  return { wrong, read };
}
