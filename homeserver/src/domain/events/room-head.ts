import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { RoomState } from './room-state.ts';

/** Where a room stands: what the next event is built on. Immutable. */
export type RoomHead = {
  readonly room: RoomId;
  readonly rules: RoomVersionRules;
  /** Position of the newest event; 0 before the create event. */
  readonly pos: number;
  /** Its stream position; 0 while it is not committed. */
  readonly stream: number;
  /** Depth of the deepest forward extremity. */
  readonly depth: number;
  readonly extremities: readonly EventId[];
  /** Current state. */
  readonly state: RoomState;
};
