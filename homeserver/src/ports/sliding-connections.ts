import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

/** Names a connection of sliding sync. */
export type ConnectionKey = { readonly user: string; readonly device: string; readonly connId: string };

/** What a client has of a room. */
export type SentRoom = {
  /** The largest number of events asked for so far. */
  readonly limit: number;
  /** The state asked for last, as JSON. */
  readonly selectors: string;
  /** Stream position up to which the client was told, where it is behind the connection; undefined when it is not. */
  readonly through: number | undefined;
};

/** What was told over a connection, at one of its positions. Never changed once made. */
export type ConnectionState = ReadonlyMap<RoomId, SentRoom>;

/** Connections of sliding sync, for every process. Losing one costs its client a fresh start. */
export interface SlidingConnectionStore {
  load(key: ConnectionKey): Promise<ReadonlyMap<string, ConnectionState> | undefined>;
  /** Replaces the positions of a connection. A device's connections beyond a bound go, the longest unused first. */
  save(key: ConnectionKey, positions: ReadonlyMap<string, ConnectionState>): Promise<void>;
}
