import { NO_FILTER, type EventFilter } from '../rooms/event-filter.ts';

/** A filter on events that belong to no room. */
export type PlainFilter = Pick<EventFilter, 'limit' | 'types' | 'notTypes' | 'senders' | 'notSenders'>;

/** A sync filter (spec: Client-Server API, filtering), read. */
export type SyncFilter = {
  readonly rooms: readonly string[] | undefined;
  readonly notRooms: readonly string[];
  readonly includeLeave: boolean;
  readonly timeline: EventFilter;
  readonly state: EventFilter;
  readonly ephemeral: EventFilter;
  readonly roomAccountData: EventFilter;
  readonly accountData: PlainFilter;
  readonly presence: PlainFilter;
  /** Dotted names of the fields wanted; undefined for all. */
  readonly eventFields: readonly string[] | undefined;
};

export const NO_SYNC_FILTER: SyncFilter = {
  rooms: undefined,
  notRooms: [],
  includeLeave: false,
  timeline: NO_FILTER,
  state: NO_FILTER,
  ephemeral: NO_FILTER,
  roomAccountData: NO_FILTER,
  accountData: NO_FILTER,
  presence: NO_FILTER,
  eventFields: undefined,
};
