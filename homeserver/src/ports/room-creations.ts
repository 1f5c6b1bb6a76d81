import type { RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { StateLayer } from '../domain/events/room-state.ts';
import type { StoredEvent } from '../domain/events/stored-event.ts';

/** A whole room that is being created: written down before its first event, so that a crash cannot leave half. */
export type RoomCreation = {
  readonly room: RoomId;
  readonly events: readonly StoredEvent[];
  readonly layers: readonly StateLayer[];
  readonly alias: RoomAlias | undefined;
  readonly isPublic: boolean;
};

/** The creations under way. */
export interface RoomCreations {
  /**
   * Written before the events, in the same sequence of the journal. False if a room of that id is being created, by
   * another process and the same user in the same millisecond.
   */
  begin(creation: RoomCreation): Promise<boolean>;
  finish(room: RoomId): Promise<void>;
  /** Creations that a process left behind when it ended. */
  abandoned(): Promise<RoomCreation[]>;
}
