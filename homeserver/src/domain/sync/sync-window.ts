import type { Audience } from '../events/client-event.ts';
import type { SyncFilter } from './sync-filter.ts';

/** What one sync covers, for whom, and how it is to be told. */
export type SyncWindow = {
  readonly audience: Audience;
  /** Stream position up to which the client has everything; undefined for an initial sync. */
  readonly since: number | undefined;
  readonly upTo: number;
  readonly filter: SyncFilter;
  /** The whole state, although there is a `since`. */
  readonly fullState: boolean;
  readonly statePlace: 'before' | 'after';
};
