import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

/** A member's way out of a room: by leaving, a kick or a ban. */
export type Departure = {
  readonly room: RoomId;
  readonly eventId: EventId;
  /** Stream position of the event. */
  readonly position: number;
  readonly user: string;
  /** Who sent the event. */
  readonly sender: string;
  readonly reason: 'leave' | 'kick' | 'ban';
};

/** Why the remaining devices of a room must change keys. */
export type RotationReason = Departure['reason'] | 'device_removed';

/** The newest departure of each encrypted room, and how far the stream of events has been looked through for them. */
export interface DepartureStore {
  newest(room: RoomId): Promise<Pick<Departure, 'eventId' | 'position'> | undefined>;
  /**
   * Notes a departure and leaves the job of telling the others, both or neither. Nothing when it or a newer one of the
   * room was noted before.
   */
  note(departure: Departure): Promise<void>;
  cursor(): Promise<number>;
  /** Moves the cursor on; never back. */
  moveCursor(to: number): Promise<void>;
}
