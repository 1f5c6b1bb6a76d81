import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { RoomSummary } from '../domain/rooms/room-summary.ts';

/** A room as a server that is in it tells of it, with what it tells of its children. */
export type RemoteSpace = {
  readonly summary: RoomSummary;
  /** `m.space.child` events, stripped, with their time. */
  readonly childEvents: readonly JsonObject[];
  /** Those children that the other server knows. */
  readonly children: ReadonlyMap<RoomId, RoomSummary>;
  /** Children that this server has no way into: not to be asked for anywhere. */
  readonly inaccessible: ReadonlySet<string>;
};

/** Rooms that this server is not in, as others tell of them. */
export interface RemoteSpaces {
  /** Undefined when none of the servers tells of the room. */
  look(room: RoomId, via: readonly ServerName[], suggestedOnly: boolean): Promise<RemoteSpace | undefined>;
}
