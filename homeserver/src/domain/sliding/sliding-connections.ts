import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { Random } from '../../ports/random.ts';
import type {
  ConnectionKey,
  ConnectionState,
  SlidingConnectionStore,
} from '../../ports/sliding-connections.ts';
import { DomainError } from '../errors.ts';
import type { StateValue } from '../events/room-state.ts';
import { randomToken } from '../ids.ts';

/** Connections kept in memory; the others are read again. */
const MAX_CONNECTIONS = 2_000;
/** Rooms a connection may know; beyond it the client starts over with fewer. */
const MAX_ROOMS = 20_000;
const ID_LENGTH = 10;
/** (connection, room) pairs for which is remembered whose member events were sent, and members for each. */
const MAX_PAIRS = 5_000;
const MAX_MEMBERS = 500;

export type OpenConnection = {
  readonly key: ConnectionKey;
  /** Undefined at the beginning. */
  readonly position: string | undefined;
  readonly state: ConnectionState;
};

const nameOf = ({ user, device, connId }: ConnectionKey): string => JSON.stringify([user, device, connId]);

const EMPTY: ConnectionState = new Map();

const unknownPos = (): DomainError =>
  new DomainError('unknown_pos', 'Unknown position: begin anew without pos');

/**
 * What clients were told over their connections (MSC4186, Connections). Each answer that changes it makes a new position;
 * the one before is kept, because a client may not have got the answer. Any process finds a connection again.
 */
export class SlidingConnections {
  readonly #store: SlidingConnectionStore;
  readonly #random: Random;
  readonly #held = new LRUCache<string, ReadonlyMap<string, ConnectionState>>({ max: MAX_CONNECTIONS });
  readonly #members = new LRUCache<string, LRUCache<string, StateValue>>({ max: MAX_PAIRS });
  /** Members in the last answer of a connection, until its position comes back. */
  readonly #pending = new LRUCache<string, { pos: string; sent: ReadonlyMap<string, StateValue> }>({
    max: MAX_CONNECTIONS,
  });

  constructor(store: SlidingConnectionStore, random: Random) {
    this.#store = store;
    this.#random = random;
  }

  /** Throws `unknown_pos` for a position that was not given to this device on this connection, or is too old. */
  async open(key: ConnectionKey, position: string | undefined): Promise<OpenConnection> {
    if (position === undefined) return { key, position, state: EMPTY };
    const name = nameOf(key);
    const state = this.#held.get(name)?.get(position);
    if (state !== undefined) return { key, position, state };
    const stored = await this.#store.load(key);
    const found = stored?.get(position);
    if (stored === undefined || found === undefined) throw unknownPos();
    this.#held.set(name, stored);
    return { key, position, state: found };
  }

  /** The position that stands for a state: a new one if it is another than the connection was opened with. */
  async advance({ key, position, state: before }: OpenConnection, state: ConnectionState): Promise<string> {
    if (position !== undefined && state === before) return position;
    if (state.size > MAX_ROOMS) throw unknownPos();
    const next = randomToken(this.#random, ID_LENGTH);
    const positions = new Map(position === undefined ? [] : [[position, before]]);
    positions.set(next, state);
    await this.#store.save(key, positions);
    this.#held.set(nameOf(key), positions);
    return next;
  }

  /** Whose member events the client has: those of answers that it has shown to have received with this `pos`. */
  confirm(key: ConnectionKey, pos: string | undefined): void {
    const name = nameOf(key);
    const pending = this.#pending.get(name);
    this.#pending.delete(name);
    if (pending?.pos !== pos || pending === undefined) return;
    for (const [pairAndMember, value] of pending.sent) {
      const [room = '', member = ''] = pairAndMember.split('\n');
      const pair = `${name} ${room}`;
      const members = this.#members.get(pair) ?? new LRUCache<string, StateValue>({ max: MAX_MEMBERS });
      this.#members.set(pair, members);
      members.set(member, value);
    }
  }

  /** Remembers members sent with the answer that has this `pos`, by room. */
  sending(
    key: ConnectionKey,
    pos: string,
    rooms: ReadonlyMap<RoomId, ReadonlyMap<string, StateValue>>,
  ): void {
    const sent = new Map<string, StateValue>();
    for (const [room, members] of rooms) {
      for (const [member, value] of members) sent.set(`${room}\n${member}`, value);
    }
    if (sent.size > 0) this.#pending.set(nameOf(key), { pos, sent });
  }

  hasMember(key: ConnectionKey, room: RoomId, member: string, value: StateValue): boolean {
    return this.#members.get(`${nameOf(key)} ${room}`)?.get(member) === value;
  }

  /** The client starts over with the room. */
  forgetMembers(key: ConnectionKey, room: RoomId): void {
    this.#members.delete(`${nameOf(key)} ${room}`);
  }
}
