import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { StateLayer } from '../events/room-state.ts';
import type { CompleteRooms } from './complete-rooms.ts';

/** A joining user waits so long for the members, in ms; then the room is shown without them. */
const PATIENCE_MS = 1_000;

/**
 * The members of a room that was joined without them. In most rooms they come within a moment, and the room is whole
 * from the start; in large ones they follow.
 */
export class JoinMembers {
  readonly #rooms: CompleteRooms;
  readonly #enqueue: (layer: string) => Promise<void>;
  readonly #patienceMs: number;

  /** @param enqueue leaves the work to a job, which outlives this process */
  constructor(rooms: CompleteRooms, enqueue: (layer: string) => Promise<void>, patienceMs = PATIENCE_MS) {
    this.#rooms = rooms;
    this.#enqueue = enqueue;
    this.#patienceMs = patienceMs;
  }

  /** The state with its members if it comes soon. What is fetched meanwhile is stored, so it is not fetched in vain. */
  async soon(
    server: ServerName,
    rules: RoomVersionRules,
    join: Pdu,
  ): Promise<readonly EventId[] | undefined> {
    const fetched = this.#rooms.fetch(server, rules, join.roomId, join.eventId).catch(() => undefined);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), this.#patienceMs);
    try {
      return await Promise.race([fetched, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The members follow in a job. */
  async later(layer: StateLayer): Promise<void> {
    await this.#enqueue(layer.id);
  }
}
