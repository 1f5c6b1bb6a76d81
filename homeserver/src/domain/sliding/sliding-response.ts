import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UnreadCount } from '../../ports/sync-sources.ts';

export type Hero = {
  readonly userId: string;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
};

/** The newest events of a room, and what there is to know of them. */
export type SlidingTimeline = {
  readonly events: readonly JsonObject[];
  readonly limited: boolean;
  readonly prevBatch: string;
  /** How many of them, from the newest, happened since the last answer. */
  readonly live: number;
  /** Events are among them that the client had no part in asking for before: its limit has grown. */
  readonly expanded: boolean;
};

/** What sliding sync says of a room. Undefined is unchanged, or not there when `initial`. */
export type RoomResult = {
  readonly membership: Membership;
  readonly initial: boolean;
  readonly bumpStamp: number | undefined;
  readonly isDm: boolean;
  /** Null when the room has lost its name. */
  readonly name: string | null | undefined;
  readonly avatar: string | null | undefined;
  readonly heroes: readonly Hero[] | undefined;
  readonly requiredState: readonly JsonObject[];
  /** State that is no more, by type and state key. */
  readonly removedState: readonly (readonly [type: string, key: string])[];
  readonly timeline: SlidingTimeline | undefined;
  readonly joined: number | undefined;
  readonly invited: number | undefined;
  readonly unread: UnreadCount | undefined;
  readonly strippedState: readonly JsonObject[] | undefined;
  /** Lists that the room is in range of. */
  readonly lists: readonly string[];
};

export type ListResult = {
  readonly count: number;
  readonly windows: readonly {
    readonly range: readonly [number, number];
    readonly rooms: readonly RoomId[];
  }[];
};

export type ExtensionResults = {
  readonly toDevice: { readonly nextBatch: string; readonly events: readonly JsonObject[] } | undefined;
  readonly e2ee:
    | {
        readonly lists: { readonly changed: readonly string[]; readonly left: readonly string[] } | undefined;
        readonly oneTime: Readonly<Record<string, number>>;
        readonly unusedFallback: readonly string[];
        readonly isAsked: boolean;
      }
    | undefined;
  readonly accountData:
    | {
        readonly global: readonly JsonObject[];
        readonly rooms: ReadonlyMap<RoomId, readonly JsonObject[]>;
      }
    | undefined;
  readonly receipts: ReadonlyMap<RoomId, JsonObject> | undefined;
  readonly typing: ReadonlyMap<RoomId, JsonObject> | undefined;
};

export type SlidingResponse = {
  readonly pos: string;
  readonly lists: ReadonlyMap<string, ListResult>;
  readonly rooms: ReadonlyMap<RoomId, RoomResult>;
  readonly extensions: ExtensionResults;
};

/** Whether there is anything in it to answer a waiting client with. */
export const isNews = ({ rooms, extensions }: Omit<SlidingResponse, 'pos'>): boolean => {
  const { toDevice, e2ee, accountData, receipts, typing } = extensions;
  return (
    rooms.size > 0 ||
    (toDevice?.events.length ?? 0) > 0 ||
    (e2ee?.lists?.changed.length ?? 0) > 0 ||
    (e2ee?.lists?.left.length ?? 0) > 0 ||
    e2ee?.isAsked === true ||
    (accountData?.global.length ?? 0) > 0 ||
    (accountData?.rooms.size ?? 0) > 0 ||
    (receipts?.size ?? 0) > 0 ||
    (typing?.size ?? 0) > 0
  );
};
