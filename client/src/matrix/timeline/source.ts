import type { Result } from '../api/result.ts';
import type { RoomEvent } from '../types.ts';

/** Some events, oldest first, and whether there are no more that way. */
export type Page = { events: RoomEvent[]; end: boolean };

/** Where a timeline window takes its events from. One request per direction at a time is the window's care. */
export interface TimelineSource {
  /** The page to open with, and whether its newest event is the room's newest. */
  open(count: number): Promise<Result<Page & { live: boolean; atStart: boolean }>>;
  older(count: number): Promise<Result<Page>>;
  newer(count: number): Promise<Result<Page>>;
  /**
   * Continue from this event, the last one kept at that edge, after the window dropped those beyond it. False: this
   * source cannot go back, so nothing may be dropped.
   */
  rewind(edge: 'oldest' | 'newest', eventId: string): Promise<boolean>;
  /** Events that relate to these (edits, reactions), from what is stored. */
  related(eventIds: readonly string[]): Promise<RoomEvent[]>;
}
