import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

/** Fetches history that this server does not have from others in the room. */
export interface RemoteHistory {
  /**
   * Fills the gap below the event at `pos` with up to `limit` events, as far as other servers have them and within a
   * few seconds. False when nothing came.
   */
  backfill(room: RoomId, pos: number, limit: number): Promise<boolean>;
}
