/**
 * A group call of a room without I/O: who takes part (`chat.nyx.call.member` inside the room's encrypted messages), and
 * which pairs are to be connected. Between two devices the one with the lower name offers.
 */
import * as z from 'zod/mini';

/** Type of the events that say who takes part. */
export const MEMBER_TYPE = 'chat.nyx.call.member';
/** Every pair has a connection of its own: beyond this a phone cannot keep up. */
export const MAX_MEMBERS = 6;
const MAX_KNOWN = 64;

const memberSchema = z.object({
  conf_id: z.string().check(z.minLength(1), z.maxLength(255)),
  action: z.enum(['join', 'stay', 'leave']),
  joined_at: z.number().check(z.int(), z.minimum(0)),
  video: z._default(z.boolean(), false),
});

/** A device in a group call. */
export type Member = {
  readonly userId: string;
  readonly deviceId: string;
  /** When it joined, as it says; who came first stays when there are too many. */
  readonly joinedAt: number;
};

type Known = Member & { readonly until: number };

/** What a conference asks for. */
export type ConferenceEffect =
  | { readonly kind: 'tell'; readonly action: 'join' | 'stay' | 'leave'; readonly joinedAt: number }
  | { readonly kind: 'connect'; readonly member: Member }
  /** This device has left: end all of its pairs. */
  | { readonly kind: 'disconnect' };

/** Durations in milliseconds. */
export type ConferenceTimes = {
  readonly heartbeat: number;
  readonly expiry: number;
  /** From the end of a pair to the next try. */
  readonly retry: number;
};

/** As e2ee.md lays down: a device that says nothing for 90 s is gone. */
export const USUAL_CONFERENCE_TIMES: ConferenceTimes = { heartbeat: 30_000, expiry: 90_000, retry: 3_000 };

const nameOf = ({ userId, deviceId }: Pick<Member, 'userId' | 'deviceId'>): string =>
  JSON.stringify([userId, deviceId]);
const byArrival = (a: Member, b: Member): number =>
  a.joinedAt - b.joinedAt || (nameOf(a) < nameOf(b) ? -1 : 1);

/** The group call of one room as one device sees it. */
export class Conference {
  readonly #self: Pick<Member, 'userId' | 'deviceId'>;
  readonly #times: ConferenceTimes;
  readonly #members = new Map<string, Known>();
  /** Pairs that were asked for, and since when the others wait for another try. */
  readonly #paired = new Set<string>();
  readonly #retryAt = new Map<string, number>();
  #joinedAt: number | undefined;
  #heartbeatAt = Infinity;
  #effects: ConferenceEffect[] = [];

  constructor(self: Pick<Member, 'userId' | 'deviceId'>, times: ConferenceTimes) {
    this.#self = self;
    this.#times = times;
  }

  /** Whether this device takes part. */
  get joined(): boolean {
    return this.#joinedAt !== undefined;
  }

  /** Who takes part, this device included, the longest first; never more than fit. */
  members(): readonly Member[] {
    const own = this.#joinedAt === undefined ? [] : [{ ...this.#self, joinedAt: this.#joinedAt }];
    return [...this.#members.values(), ...own].sort(byArrival).slice(0, MAX_MEMBERS);
  }

  drain(): readonly ConferenceEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  nextAt(): number {
    const expiries = [...this.#members.values()].map(({ until }) => until);
    const retries = this.joined ? this.#retryAt.values() : [];
    return Math.min(this.#heartbeatAt, ...expiries, ...retries);
  }

  /** Joins; false when the call is full. */
  join(now: number): boolean {
    if (this.joined) return true;
    if (this.members().length >= MAX_MEMBERS) return false;
    this.#joinedAt = now;
    this.#tell('join', now);
    this.#reconcile(now);
    return true;
  }

  leave(): void {
    if (this.#joinedAt === undefined) return;
    this.#tell('leave', 0);
    this.#joinedAt = undefined;
    this.#heartbeatAt = Infinity;
    this.#effects.push({ kind: 'disconnect' });
    this.#paired.clear();
    this.#retryAt.clear();
  }

  /** What another device says of itself. `age`: how long ago, in milliseconds. */
  take(userId: string, deviceId: string, content: unknown, age: number, now: number): void {
    const parsed = memberSchema.safeParse(content);
    const name = nameOf({ userId, deviceId });
    if (!parsed.success || name === nameOf(this.#self)) return;
    const { action, joined_at: joinedAt } = parsed.data;
    if (action === 'leave') {
      this.#forget(name);
      return;
    }
    const until = now + this.#times.expiry - age;
    if (until <= now || (!this.#members.has(name) && this.#members.size >= MAX_KNOWN)) return;
    this.#members.set(name, { userId, deviceId, joinedAt: Math.min(joinedAt, now), until });
    // A newcomer may not have heard of us: it is told at once instead of with the next heartbeat.
    if (action === 'join' && this.joined) this.#tell('stay', now);
    this.#reconcile(now);
  }

  /** Whether a pair that this device offers is taken: it comes inside a frame of a member of the room. */
  admits(userId: string, deviceId: string): boolean {
    if (!this.joined) return false;
    const name = nameOf({ userId, deviceId });
    const ranked = this.members().some((member) => nameOf(member) === name);
    return ranked || (!this.#members.has(name) && this.members().length < MAX_MEMBERS);
  }

  /** The connection of a pair is over; if both still take part it is tried again. */
  pairEnded(userId: string, deviceId: string, now: number): void {
    const name = nameOf({ userId, deviceId });
    if (this.#paired.delete(name) && this.joined && this.#members.has(name))
      this.#retryAt.set(name, now + this.#times.retry);
  }

  tick(now: number): void {
    for (const [name, { until }] of this.#members) if (until <= now) this.#forget(name);
    for (const [name, at] of this.#retryAt) if (at <= now) this.#retryAt.delete(name);
    if (this.#heartbeatAt <= now) this.#tell('stay', now);
    this.#reconcile(now);
  }

  #reconcile(now: number): void {
    if (this.#joinedAt === undefined) return;
    const ranked = this.members();
    const own = nameOf(this.#self);
    if (!ranked.some((member) => nameOf(member) === own)) {
      // More joined at once than fit, and others were first.
      this.leave();
      return;
    }
    for (const member of ranked) {
      const name = nameOf(member);
      if (name === own || own > name || this.#paired.has(name)) continue;
      if ((this.#retryAt.get(name) ?? 0) > now) continue;
      this.#paired.add(name);
      this.#effects.push({ kind: 'connect', member });
    }
  }

  /** A pair that is connected outlives silence: its end says when it is over. */
  #forget(name: string): void {
    this.#members.delete(name);
    this.#retryAt.delete(name);
  }

  #tell(action: 'join' | 'stay' | 'leave', now: number): void {
    const joinedAt = this.#joinedAt ?? now;
    this.#heartbeatAt = now + this.#times.heartbeat;
    this.#effects.push({ kind: 'tell', action, joinedAt });
  }
}
