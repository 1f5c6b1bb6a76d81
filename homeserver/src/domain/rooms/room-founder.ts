import type { RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventAppender, StateLayerStore, EventReader } from '../../ports/event-store.ts';
import type { RoomCreation, RoomCreations } from '../../ports/room-creations.ts';
import type { RoomAliases } from '../../ports/room-directory.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import { DomainError } from '../errors.ts';
import type { EventEngine } from '../events/event-engine.ts';
import type { Extended } from '../events/extend-room.ts';
import type { PublicRooms } from './public-rooms.ts';

export type NewRoom = {
  readonly room: RoomId;
  readonly events: readonly Extended[];
  readonly alias: RoomAlias | undefined;
  readonly creator: UserId;
  readonly isPublic: boolean;
};

export type RoomFounderDeps = {
  readonly engine: EventEngine;
  readonly creations: RoomCreations;
  readonly aliases: RoomAliases;
  readonly publicRooms: PublicRooms;
  readonly clock: Clock;
};

/** No creation takes longer than this between its alias and its events. */
const CREATION_MAX_MS = 60_000;

/** A room of this id is there already. */
export class RoomExists extends Error {
  override readonly name = 'RoomExists';
}

/** Stores of which a recovery writes what a crash left out. */
export type RecoveryStores = {
  readonly appender: EventAppender;
  readonly reader: EventReader;
  readonly layers: StateLayerStore;
  readonly positions: StreamPositions;
};

/**
 * Stores new rooms whole. The creation is written down first; from then on the room will be there, after a crash by
 * {@link recover}; before that, nothing of it is.
 */
export class RoomFounder {
  readonly #deps: RoomFounderDeps;

  constructor(deps: RoomFounderDeps) {
    this.#deps = deps;
  }

  /** Throws `room_in_use` when the alias is taken. */
  async found(founding: NewRoom): Promise<void> {
    const { engine, creations, publicRooms } = this.#deps;
    const { room, alias, isPublic } = founding;
    if ((await engine.heads.get(room)) !== undefined) throw new RoomExists();
    if (alias !== undefined) await this.#claimAlias(alias, founding);
    const events = founding.events.map((each) => each.event);
    const layers = founding.events.flatMap((each) => each.layers);
    const head = founding.events.at(-1)?.head;
    if (head === undefined) throw new Error('a room without events');
    const states = founding.events.map((each) => each.head.state);
    try {
      if (!(await creations.begin({ room, events, layers, alias, isPublic }))) throw new RoomExists();
      await engine.writers.write(room, async (tip) => {
        if (tip !== undefined) throw new RoomExists();
        return { add: { events, layers, states, head }, answer: undefined };
      });
    } catch (error) {
      // Another process made a room of this id at this moment. The next attempt has another id, and needs the alias.
      if (error instanceof RoomExists && alias !== undefined) await this.#deps.aliases.remove(alias);
      throw error;
    }
    if (isPublic) await publicRooms.publish(room);
    await creations.finish(room);
  }

  async #claimAlias(alias: RoomAlias, { room, creator }: NewRoom): Promise<void> {
    const { aliases, engine, clock } = this.#deps;
    const record = { alias, room, creator, createdAt: clock.now() };
    if (await aliases.add(record)) return;
    const holder = await aliases.find(alias);
    const isOld = holder === undefined || holder.createdAt < clock.now() - CREATION_MAX_MS;
    // An old alias of a room that does not exist is what a creation that came to nothing left behind.
    if (isOld && (holder === undefined || (await engine.heads.get(holder.room)) === undefined)) {
      await aliases.remove(alias);
      if (await aliases.add(record)) return;
    }
    throw new DomainError('room_in_use', 'This alias is taken');
  }

  /** Completes what processes that ended left behind. Run before requests are served. Answers how many. */
  async recover(stores: RecoveryStores): Promise<number> {
    const abandoned = await this.#deps.creations.abandoned();
    for (const creation of abandoned) {
      await completeCreation(creation, stores);
      await this.#deps.engine.heads.adopt(creation.room);
      if (creation.isPublic) await this.#deps.publicRooms.publish(creation.room);
      await this.#deps.creations.finish(creation.room);
    }
    return abandoned.length;
  }
}

/** Stores those of a creation's events that are not there yet, under new stream positions. */
async function completeCreation(creation: RoomCreation, stores: RecoveryStores): Promise<void> {
  const { appender, reader, layers, positions } = stores;
  await layers.put(creation.layers);
  const present = await reader.byIds(creation.events.map((event) => event.id));
  const stored = new Set(present.map((event) => event.id));
  const missing = creation.events.filter((event) => !stored.has(event.id));
  if (missing.length === 0) return;
  await positions.write(missing.length, async (numbers) => {
    await appender.append(missing.map((event, at) => ({ ...event, stream: numbers[at] })));
  });
}
