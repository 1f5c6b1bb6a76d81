import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

/** A device of a user. */
export type SyncDevice = { readonly user: string; readonly device: string };

/** How far a device was sent its messages, and how far it has proven that it has them. */
export type InboxPlace = { readonly after: number; readonly proven: number };

/** Messages to devices, for /sync (spec: Client-Server API, send-to-device messaging). */
export interface ToDeviceSource {
  /** Messages above `after`, up to `upTo`; `through` is `upTo`, or lower when `limit` cut them short. */
  read(
    device: SyncDevice,
    place: InboxPlace,
    upTo: number,
    limit: number,
  ): Promise<{ readonly messages: readonly JsonObject[]; readonly through: number }>;
  /** The device has proven that it has everything up to `through`. */
  acknowledge(device: SyncDevice, through: number): Promise<void>;
}

/** Changes in whom a user shares encrypted rooms with, as the timelines of a sync tell them. */
export type SharingChanges = {
  /** Rooms that the user joined; of all their members the keys may be unknown to the client. */
  readonly joinedRooms: readonly RoomId[];
  /** Rooms that the user left or was removed from. */
  readonly leftRooms: readonly RoomId[];
  /** Others who joined or left rooms that the user is in. */
  readonly joinedUsers: ReadonlySet<string>;
  readonly leftUsers: ReadonlySet<string>;
  /** Rooms in which encryption was turned on. */
  readonly encryptedRooms: readonly RoomId[];
};

/** Changed device lists, for /sync (spec: Client-Server API, tracking the device list for a user). */
export interface DeviceListSource {
  changes(
    user: string,
    after: number,
    upTo: number,
    sharing: SharingChanges,
  ): Promise<{ readonly changed: readonly string[]; readonly left: readonly string[] }>;
}

/** Stock of one-time and fallback keys, for /sync. */
export interface KeyCountSource {
  /** @param after whether the device was asked for keys after this position, in (after, upTo]. */
  counts(
    device: SyncDevice,
    after: number,
    upTo: number,
  ): Promise<{
    readonly oneTime: Readonly<Record<string, number>>;
    readonly unusedFallback: readonly string[];
    /** The stock is low: the device should hear of it now. */
    readonly isAsked: boolean;
  }>;
}

/** Presence of those a user shares rooms with, for /sync. */
export interface PresenceSource {
  /** `m.presence` events that changed in (after, upTo]. */
  changed(user: string, after: number, upTo: number): Promise<readonly JsonObject[]>;
}

export type UnreadCount = { readonly notifications: number; readonly highlights: number };

/** Notification counts, for /sync (spec: Client-Server API, receiving notifications). */
export interface UnreadSource {
  /** Of the main timeline, and of each thread that has any. */
  counts(
    user: string,
    room: RoomId,
  ): Promise<{ readonly main: UnreadCount; readonly threads: ReadonlyMap<string, UnreadCount> }>;
}

/** Ephemeral events of rooms: receipts and typing, for /sync. */
export interface EphemeralSource {
  /** Events of each room that has any in (after, upTo]. */
  changed(
    user: string,
    rooms: Iterable<RoomId>,
    after: number,
    upTo: number,
  ): Promise<ReadonlyMap<RoomId, readonly JsonObject[]>>;
}
