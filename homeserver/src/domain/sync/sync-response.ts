import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UnreadCount } from '../../ports/sync-sources.ts';

export type TimelineSection = {
  readonly events: readonly JsonObject[];
  readonly limited: boolean;
  readonly prevBatch: string;
};

/** What a sync says of a room the user is in, or was. */
export type RoomSection = {
  readonly timeline: TimelineSection;
  readonly state: readonly JsonObject[];
  /** Whether `state` is that at the start of the timeline, or after it. */
  readonly statePlace: 'before' | 'after';
  readonly summary: JsonObject | undefined;
  readonly ephemeral: readonly JsonObject[];
  readonly accountData: readonly JsonObject[];
  readonly unread:
    { readonly main: UnreadCount; readonly threads: ReadonlyMap<string, UnreadCount> } | undefined;
};

/** One answer of /sync, before it is written as JSON. */
export type SyncResponse = {
  readonly nextBatch: string;
  readonly join: ReadonlyMap<RoomId, RoomSection>;
  readonly leave: ReadonlyMap<RoomId, RoomSection>;
  readonly invite: ReadonlyMap<RoomId, readonly JsonObject[]>;
  readonly knock: ReadonlyMap<RoomId, readonly JsonObject[]>;
  readonly accountData: readonly JsonObject[];
  readonly presence: readonly JsonObject[];
  readonly toDevice: readonly JsonObject[];
  readonly deviceLists: { readonly changed: readonly string[]; readonly left: readonly string[] };
  readonly keyCounts: {
    readonly oneTime: Readonly<Record<string, number>>;
    readonly unusedFallback: readonly string[];
    /** The device was asked for more keys. */
    readonly isAsked: boolean;
  };
};

/** Whether there is anything in it to answer a waiting client with. */
export const hasNews = (response: SyncResponse): boolean =>
  response.join.size > 0 ||
  response.leave.size > 0 ||
  response.invite.size > 0 ||
  response.knock.size > 0 ||
  response.accountData.length > 0 ||
  response.presence.length > 0 ||
  response.toDevice.length > 0 ||
  response.deviceLists.changed.length > 0 ||
  response.deviceLists.left.length > 0 ||
  response.keyCounts.isAsked;
