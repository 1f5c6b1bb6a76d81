import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

/** An event that can be found by its words. */
export type SearchEntry = {
  readonly event: EventId;
  readonly room: RoomId;
  readonly sender: string;
  readonly type: string;
  /** Stream position. */
  readonly stream: number;
  readonly words: readonly string[];
};

export type SearchQuery = {
  /** All of them must be in an event. */
  readonly words: readonly string[];
  readonly rooms: readonly RoomId[];
  readonly types: readonly string[];
  readonly senders: readonly string[] | undefined;
  /** Only events below this stream position. */
  readonly below: number | undefined;
  readonly limit: number;
};

/** Which event holds which words. */
export interface SearchIndex {
  add(entries: readonly SearchEntry[]): Promise<void>;
  remove(events: readonly EventId[]): Promise<void>;
  /** Newest first. */
  find(query: SearchQuery): Promise<{ readonly event: EventId; readonly stream: number }[]>;
}
