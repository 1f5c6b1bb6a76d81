import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';

/** State that a client wants: of a type, of a state key, or any where undefined. */
export type StateElement = { readonly type: string | undefined; readonly key: string | undefined };

/** A `required_state` of a list or subscription (MSC4186, RequiredStateRequest), with the user's own id filled in. */
export type StateSelector = {
  readonly include: readonly StateElement[];
  readonly exclude: readonly StateElement[];
  /** Members only where the timeline needs them. */
  readonly lazy: boolean;
};

/** What is wanted of a room. Several rules that match one room add up. */
export type RoomConfig = { readonly timelineLimit: number; readonly selectors: readonly StateSelector[] };

/** Which rooms a list is of (MSC4186, SlidingRoomFilter). Undefined is no condition. */
export type ListFilter = {
  readonly isDm: boolean | undefined;
  readonly isEncrypted: boolean | undefined;
  readonly isInvited: boolean | undefined;
  readonly spaces: readonly string[] | undefined;
  /** Null stands for rooms without a type. */
  readonly roomTypes: readonly (string | null)[] | undefined;
  readonly notRoomTypes: readonly (string | null)[] | undefined;
  readonly tags: readonly string[] | undefined;
  readonly notTags: readonly string[] | undefined;
};

export type ListRequest = {
  /** Both ends included; undefined for the whole list. */
  readonly ranges: readonly (readonly [number, number])[] | undefined;
  readonly filter: ListFilter;
  readonly config: RoomConfig;
};

export type ExtensionsRequest = {
  readonly toDevice: { readonly since: string | undefined; readonly limit: number } | undefined;
  readonly e2ee: boolean;
  readonly accountData: boolean;
  readonly receipts: boolean;
  readonly typing: boolean;
};

/** A request of sliding sync, whichever dialect it came in. */
export type SlidingRequest = {
  readonly user: UserId;
  readonly device: string;
  readonly connId: string;
  readonly pos: string | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly lists: ReadonlyMap<string, ListRequest>;
  readonly subscriptions: ReadonlyMap<RoomId, RoomConfig>;
  readonly extensions: ExtensionsRequest;
  readonly signal: AbortSignal;
};
