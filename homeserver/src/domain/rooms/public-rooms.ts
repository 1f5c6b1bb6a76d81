import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { PublicRoom, PublicRoomsQuery, RoomDirectory } from '../../ports/room-directory.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from './room-reads.ts';
import { summarise } from './room-summary.ts';

/** State that the public list shows; a change makes the room's entry stale. */
const SHOWN: ReadonlySet<string> = new Set([
  EventType.Name,
  EventType.Topic,
  EventType.CanonicalAlias,
  EventType.Avatar,
  EventType.JoinRules,
  EventType.HistoryVisibility,
  EventType.GuestAccess,
  EventType.Member,
]);
const MAX_REMEMBERED = 10_000;

/** The public room list: entries are projections of room state, brought up to date before they are read. */
export class PublicRooms {
  readonly #rooms: RoomReads;
  readonly #directory: RoomDirectory;
  readonly #isPublic = new LRUCache<RoomId, boolean>({ max: MAX_REMEMBERED });
  readonly #stale = new Set<RoomId>();
  #refreshing: Promise<void> = Promise.resolve();

  constructor(rooms: RoomReads, directory: RoomDirectory) {
    this.#rooms = rooms;
    this.#directory = directory;
  }

  async isPublic(room: RoomId): Promise<boolean> {
    return this.#directory.isPublic(room);
  }

  /** Lists a room, or brings its entry up to date. */
  async publish(room: RoomId): Promise<void> {
    const live = await this.#rooms.find(room);
    if (live === undefined) return;
    const summary = await summarise(this.#rooms, live);
    await this.#directory.publish(summary);
    this.#isPublic.set(room, true);
  }

  async unpublish(room: RoomId): Promise<void> {
    await this.#directory.unpublish(room);
    this.#isPublic.set(room, false);
  }

  /** Notes what a commit makes stale; costs nothing for rooms known not to be listed. */
  follow(event: StoredEvent): void {
    if (event.pdu.stateKey === undefined || !SHOWN.has(event.pdu.type)) return;
    if (this.#isPublic.get(event.room) !== false) this.#stale.add(event.room);
  }

  /** Brings stale entries up to date. */
  refresh(): Promise<void> {
    this.#refreshing = this.#refreshing.then(async () => {
      const stale = [...this.#stale];
      this.#stale.clear();
      for (const room of stale) {
        const isPublic = this.#isPublic.get(room) ?? (await this.#directory.isPublic(room));
        this.#isPublic.set(room, isPublic);
        if (isPublic) await this.publish(room);
      }
    });
    return this.#refreshing;
  }

  async search(query: PublicRoomsQuery): Promise<{ rooms: PublicRoom[]; total: number }> {
    await this.refresh();
    return this.#directory.search(query);
  }
}
