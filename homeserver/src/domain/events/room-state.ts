import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';

/** What is known of a state whose members were left out by the server that gave it. */
export type PartialState = {
  /** The join through which the state came: it is the state before that event. */
  readonly event: EventId;
  /** Servers in the room, as the other server said, the one that said so first. */
  readonly servers: readonly string[];
};

/**
 * Room state as a short stack of immutable layers.
 *
 * A state event adds one small layer; layers of the same size class are merged as they are added (one layer per
 * class at most, classes grow by {@link GROWTH}), so a state of n entries is about log8(n) layers deep, and every
 * entry is rewritten a bounded number of times. Layers are shared between the states of neighbouring events, both
 * in memory and in storage.
 */
export type StateLayer = {
  readonly id: string;
  readonly room: string;
  /** Ids of the layers below, nearest first. */
  readonly below: readonly string[];
  /** `stateKey(type, key)` to {@link StateValue}; the empty string marks an entry removed by resolution. */
  readonly entries: ReadonlyMap<string, string>;
  /** While members are missing. Such a layer is filled later, under all that refer to it: it is never folded. */
  readonly partial?: PartialState;
};

/** Event id; for `m.room.member` prefixed by one letter naming the membership, so that counting needs no events. */
export type StateValue = string;

/** What a state event changes: key to value, or to the empty string for "no longer there". */
export type StateChanges = ReadonlyMap<string, StateValue>;

const GROWTH = 8;
const SEPARATOR = '\u0000';
const MEMBER_PREFIX = `m.room.member${SEPARATOR}`;

const LETTERS: Readonly<Record<Membership, string>> = {
  join: 'j',
  invite: 'i',
  leave: 'l',
  ban: 'b',
  knock: 'k',
};
const MEMBERSHIPS: Readonly<Record<string, Membership>> = {
  j: 'join',
  i: 'invite',
  l: 'leave',
  b: 'ban',
  k: 'knock',
};

/** The key of one entry of the state. */
export const stateKey = (type: string, key: string): string => `${type}${SEPARATOR}${key}`;

/** Undoes {@link stateKey}. */
export const splitStateKey = (key: string): readonly [type: string, stateKey: string] => {
  const at = key.indexOf(SEPARATOR);
  return [key.slice(0, at), key.slice(at + 1)];
};

/** The value for an event that is now the state of its key. */
export const stateValue = (eventId: EventId, membership: Membership | undefined): StateValue =>
  membership === undefined ? eventId : LETTERS[membership] + eventId;

/** The event id in a value. */
export const eventIdOf = (value: StateValue): EventId =>
  // Only event ids are put into values.
  (value.startsWith('$') ? value : value.slice(1)) as EventId;

/** The membership in a value, if it belongs to a member event. */
export const membershipIn = (value: StateValue): Membership | undefined => MEMBERSHIPS[value.charAt(0)];

/** The state of a room at one point, as layers of changes over a whole. */
export class RoomState {
  readonly layers: readonly StateLayer[];

  /** @param layers nearest (newest) first. */
  constructor(layers: readonly StateLayer[]) {
    this.layers = layers;
  }

  static readonly empty = new RoomState([]);

  /** Id by which storage refers to this state; empty for the empty state. */
  get id(): string {
    return this.layers[0]?.id ?? '';
  }

  /** What is missing, while this server does not know all members. */
  get partial(): PartialState | undefined {
    return this.layers.at(-1)?.partial;
  }

  value(key: string): StateValue | undefined {
    for (const layer of this.layers) {
      const found = layer.entries.get(key);
      if (found !== undefined) return found === '' ? undefined : found;
    }
    return undefined;
  }

  /** Id of the event that is the state for (type, key). */
  get(type: string, key: string): EventId | undefined {
    const found = this.value(stateKey(type, key));
    return found === undefined ? undefined : eventIdOf(found);
  }

  membership(userId: string): Membership | undefined {
    const found = this.value(MEMBER_PREFIX + userId);
    return found === undefined ? undefined : membershipIn(found);
  }

  /** Every entry once. */
  *entries(): Generator<readonly [key: string, value: StateValue]> {
    const [only] = this.layers;
    if (only === undefined) return;
    if (this.layers.length === 1) {
      for (const entry of only.entries) if (entry[1] !== '') yield entry;
      return;
    }
    const seen = new Set<string>();
    for (const layer of this.layers) {
      for (const entry of layer.entries) {
        if (seen.has(entry[0])) continue;
        seen.add(entry[0]);
        if (entry[1] !== '') yield entry;
      }
    }
  }

  /** Every event id of the state. */
  *eventIds(): Generator<EventId> {
    for (const [, value] of this.entries()) yield eventIdOf(value);
  }

  /** Every member entry: user id, membership, event id. */
  *members(): Generator<readonly [userId: string, membership: Membership, eventId: EventId]> {
    for (const [key, value] of this.entries()) {
      if (!key.startsWith(MEMBER_PREFIX)) continue;
      const membership = membershipIn(value);
      if (membership !== undefined) yield [key.slice(MEMBER_PREFIX.length), membership, eventIdOf(value)];
    }
  }

  /** Entries of one type: state key and event id. */
  *ofType(type: string): Generator<readonly [stateKey: string, eventId: EventId]> {
    const prefix = type + SEPARATOR;
    for (const [key, value] of this.entries()) {
      if (key.startsWith(prefix)) yield [key.slice(prefix.length), eventIdOf(value)];
    }
  }

  /**
   * This state with `changes` on top: the layer to store, and the state it makes. Small layers are folded into the
   * new one so that depth stays logarithmic.
   */
  with(
    changes: StateChanges,
    id: string,
    room: string,
    partial?: PartialState,
  ): { state: RoomState; layer: StateLayer } {
    let merged = new Map(changes);
    let rest = this.layers;
    for (;;) {
      const [top] = rest;
      if (top === undefined || top.partial !== undefined) break;
      if (sizeClass(top.entries.size) > sizeClass(merged.size)) break;
      const folded = new Map(top.entries);
      for (const [key, value] of merged) folded.set(key, value);
      merged = folded;
      rest = rest.slice(1);
    }
    if (rest.length === 0) for (const [key, value] of merged) if (value === '') merged.delete(key);
    const layer: StateLayer = {
      id,
      room,
      below: rest.map((each) => each.id),
      entries: merged,
      ...(partial === undefined ? {} : { partial }),
    };
    return { state: new RoomState([layer, ...rest]), layer };
  }
}

/**
 * What has to change for `from` to become `to`; layers that both share are not looked at.
 * An entry that is gone in `to` maps to the empty string.
 */
export function stateDifference(from: RoomState, to: RoomState): Map<string, StateValue> {
  const changes = new Map<string, StateValue>();
  if (from.id === to.id) return changes;
  const shared = new Set(from.layers.map((layer) => layer.id));
  const above = new Set(to.layers.map((layer) => layer.id));
  const candidates = new Set<string>();
  for (const layer of to.layers) {
    if (!shared.has(layer.id)) for (const key of layer.entries.keys()) candidates.add(key);
  }
  for (const layer of from.layers) {
    if (!above.has(layer.id)) for (const key of layer.entries.keys()) candidates.add(key);
  }
  for (const key of candidates) {
    const after = to.value(key);
    if (after !== from.value(key)) changes.set(key, after ?? '');
  }
  return changes;
}

const sizeClass = (size: number): number => Math.floor(Math.log(Math.max(size, 1)) / Math.log(GROWTH) + 1e-9);
