import type { ArrivedEvent } from '@nyx/plugin-sdk/client/data.ts';
import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import type { Call, Signal } from '../call/state.ts';
import { Conference, MEMBER_TYPE, type ConferenceTimes } from '../mesh/conference.ts';

/** What group calls ask of the phone. */
export interface PairCalls {
  connect(roomId: string, confId: string, to: { readonly userId: string; readonly deviceId: string }): void;
  disconnect(confId: string): void;
}

const MAX_ROOMS = 200;

/** Group calls of all rooms: one to a room, named after it. */
export class GroupCalls {
  readonly #context: TrustedContext;
  readonly #times: ConferenceTimes;
  readonly #pairs: PairCalls;
  readonly #rooms = new Map<string, Conference>();
  readonly #members = new Map<string, ReadonlySet<string>>();
  readonly #seenEnds = new Set<string>();

  constructor(context: TrustedContext, times: ConferenceTimes, pairs: PairCalls) {
    this.#context = context;
    this.#times = times;
    this.#pairs = pairs;
  }

  /** Whether this device takes part in one. */
  get any(): boolean {
    return [...this.#rooms.values()].some(({ joined }) => joined);
  }

  /** Rooms whose call this device takes part in, and how many devices do. */
  sizes(): ReadonlyMap<string, number> {
    const joined = [...this.#rooms].filter(([, { joined: inside }]) => inside);
    return new Map(joined.map(([roomId, conference]) => [roomId, conference.members().length]));
  }

  /** False when it is full. */
  join(roomId: string): boolean {
    const joined = this.#of(roomId)?.join(this.#context.now()) ?? false;
    this.#carryOut(roomId);
    return joined;
  }

  leave(roomId: string): void {
    this.#rooms.get(roomId)?.leave();
    this.#carryOut(roomId);
  }

  leaveAll(): void {
    for (const [roomId, { joined }] of this.#rooms) if (joined) this.leave(roomId);
  }

  /** Takes an encrypted event in, if it is one of a group call. */
  take({ roomId, sender, device, type, content, age }: ArrivedEvent): boolean {
    if (type !== MEMBER_TYPE) return false;
    if (device !== undefined) this.#of(roomId)?.take(sender, device, content, age, this.#context.now());
    this.#carryOut(roomId);
    return true;
  }

  /** Whether a pair that a member of the room offers is taken. */
  admits(confId: string, { roomId, sender, deviceId }: Signal): boolean {
    return confId === roomId && this.#rooms.get(roomId)?.admits(sender, deviceId) === true;
  }

  /** Whether somebody has joined the room; asked anew for who is not known yet. */
  async isMember(roomId: string, userId: string): Promise<boolean> {
    if (this.#rooms.get(roomId)?.joined !== true) return false;
    if (this.#members.get(roomId)?.has(userId) === true) return true;
    const members = await this.#context.rooms.members(roomId);
    const joined = members.filter(({ membership }) => membership === 'join');
    this.#members.set(roomId, new Set(joined.map((member) => member.userId)));
    return this.#members.get(roomId)?.has(userId) === true;
  }

  /** Looks for pairs that ended. */
  step(calls: readonly Call[]): void {
    for (const { callId, roomId, confId, phase, peer } of calls) {
      if (confId === undefined || phase !== 'ended' || this.#seenEnds.has(callId)) continue;
      this.#seenEnds.add(callId);
      if (peer.deviceId !== undefined)
        this.#rooms.get(roomId)?.pairEnded(peer.userId, peer.deviceId, this.#context.now());
    }
  }

  nextAt(): number {
    return Math.min(Infinity, ...[...this.#rooms.values()].map((conference) => conference.nextAt()));
  }

  tick(): void {
    for (const [roomId, conference] of this.#rooms) {
      conference.tick(this.#context.now());
      this.#carryOut(roomId);
    }
  }

  #of(roomId: string): Conference | undefined {
    const known = this.#rooms.get(roomId);
    if (known !== undefined) return known;
    if (this.#rooms.size >= MAX_ROOMS) {
      const idle = [...this.#rooms].find(([, { joined }]) => !joined);
      if (idle === undefined) return undefined;
      this.#rooms.delete(idle[0]);
    }
    const conference = new Conference(this.#context.self, this.#times);
    this.#rooms.set(roomId, conference);
    return conference;
  }

  #carryOut(roomId: string): void {
    for (const effect of this.#rooms.get(roomId)?.drain() ?? []) {
      if (effect.kind === 'connect') {
        const { userId, deviceId } = effect.member;
        this.#pairs.connect(roomId, roomId, { userId, deviceId });
      } else if (effect.kind === 'disconnect') {
        this.#pairs.disconnect(roomId);
      } else {
        const content = { conf_id: roomId, action: effect.action, joined_at: effect.joinedAt };
        void this.#context.events
          .send(roomId, MEMBER_TYPE, content, { encryptedOnly: true })
          .catch(() => this.#context.log.warn('who takes part could not be told'));
      }
    }
  }
}
