import type { Requester } from '../ports/authenticator.ts';
import type { CloseDetails, CloseReason } from './close-codes.ts';
import { MAX_PER_DEVICE, MAX_PER_USER, MAX_SOCKETS, MAX_UNKNOWN_PER_ADDRESS } from './limits.ts';

/** A connection as the hub sees it. */
export interface HubMember {
  readonly address: string;
  close(reason: CloseReason, details: CloseDetails): void;
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
}

export type Admission = 'welcome' | 'full' | 'too_many';

/** Sockets told to close at once while stopping, and the pause between such groups, in ms. */
const FAREWELL_GROUP = 200;
const FAREWELL_PAUSE_MS = 20;

/** All sockets of this process, and how many there may be of whom. */
export class SocketHub {
  readonly #members = new Set<HubMember>();
  readonly #unknown = new Map<string, number>();
  /** By device and by user; oldest first. */
  readonly #groups = new Map<string, Set<HubMember>>();
  #isStopping = false;

  get size(): number {
    return this.#members.size;
  }

  /** Whether another connection from this address may come in. */
  admits(address: string): Admission {
    if (this.#isStopping || this.#members.size >= MAX_SOCKETS) return 'full';
    return (this.#unknown.get(address) ?? 0) >= MAX_UNKNOWN_PER_ADDRESS ? 'too_many' : 'welcome';
  }

  /** Counts a connection that has yet to say who it is. */
  add(member: HubMember): void {
    this.#members.add(member);
    this.#unknown.set(member.address, (this.#unknown.get(member.address) ?? 0) + 1);
  }

  /** The connection has said who it is; where there are too many of them now, the oldest goes. */
  identify(member: HubMember, { userId, deviceId }: Requester): void {
    this.#forgetUnknown(member);
    this.#join(`${userId} ${deviceId}`, member, MAX_PER_DEVICE);
    this.#join(userId, member, MAX_PER_USER);
  }

  /** @param requester who it was, if it had said so. */
  remove(member: HubMember, requester: Requester | undefined): void {
    if (!this.#members.delete(member)) return;
    if (requester === undefined) {
      this.#forgetUnknown(member);
      return;
    }
    this.#leave(`${requester.userId} ${requester.deviceId}`, member);
    this.#leave(requester.userId, member);
  }

  /** Tells everybody to come back elsewhere, some at a time, and waits until they are gone. */
  async close(): Promise<void> {
    this.#isStopping = true;
    const members = [...this.#members];
    for (let at = 0; at < members.length; at += FAREWELL_GROUP) {
      if (at > 0) await new Promise((resolve) => setTimeout(resolve, FAREWELL_PAUSE_MS));
      for (const member of members.slice(at, at + FAREWELL_GROUP)) {
        member.close('going_away', { error: 'The server is stopping' });
      }
    }
    await Promise.all(members.map(({ ended }) => ended));
  }

  #forgetUnknown({ address }: HubMember): void {
    const count = (this.#unknown.get(address) ?? 0) - 1;
    if (count > 0) this.#unknown.set(address, count);
    else this.#unknown.delete(address);
  }

  #join(name: string, member: HubMember, max: number): void {
    const group = this.#groups.get(name) ?? new Set();
    this.#groups.set(name, group);
    group.add(member);
    const [oldest] = group;
    if (group.size > max) oldest?.close('replaced', { error: 'Too many connections; this was the oldest' });
  }

  #leave(name: string, member: HubMember): void {
    const group = this.#groups.get(name);
    group?.delete(member);
    if (group?.size === 0) this.#groups.delete(name);
  }
}
