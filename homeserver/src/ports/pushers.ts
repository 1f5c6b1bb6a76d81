import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { DeviceRef } from './device-key-store.ts';

/** What a client asked to be notified by (spec: Client-Server API, pushers). */
export type Pusher = {
  /** Made of user, app and pushkey. */
  readonly id: string;
  readonly userId: string;
  /** The session that set it: it goes with its token. */
  readonly deviceId: string;
  readonly sessionId: string;
  readonly kind: 'http';
  readonly appId: string;
  readonly pushkey: string;
  readonly appDisplayName: string;
  readonly deviceDisplayName: string;
  readonly profileTag?: string;
  readonly lang: string;
  /** As the client gave it, with `url`. */
  readonly data: JsonObject;
  /** Milliseconds since the epoch of the first and the last time it was set. */
  readonly createdAt: number;
  readonly updatedAt: number;
};

/** How deliveries to a pusher's gateway go. */
export type PusherHealth = {
  /** Failures since the last success. */
  readonly failures: number;
  /** Not before this time, in milliseconds since the epoch. */
  readonly retryAt: number;
  /** The count of unread messages that was told last. */
  readonly badge?: number;
};

/** The pushers of users of this server. */
export interface PusherStore {
  /** Stores or replaces. With `alone`, takes away those of other users for the same app and pushkey; answers whose. */
  set(pusher: Pusher, alone: boolean): Promise<readonly string[]>;
  /** False when there is none. */
  remove(ids: readonly string[]): Promise<boolean>;
  removeOfDevices(userId: string, deviceIds: readonly string[]): Promise<void>;
  removeOfUser(userId: string): Promise<void>;
  ofUsers(userIds: readonly string[]): Promise<Pusher[]>;
  /** Users who have any, changed since a time; all of them without. */
  users(since?: number): Promise<string[]>;
}

/** Pushers while somebody delivers to them: one at a time, in any process. */
export interface PusherLeases {
  /** Undefined when there is no such pusher, or another worker has it. */
  acquire(
    id: string,
    owner: string,
    until: number,
  ): Promise<{ readonly pusher: Pusher; readonly health: PusherHealth } | undefined>;
  update(id: string, owner: string, health: PusherHealth): Promise<void>;
  release(id: string, owner: string): Promise<void>;
}

/** How a notification is to be shown. */
export type PushTweaks = { readonly sound?: string; readonly highlight?: boolean };

/** Something to tell a pusher: of an event, or only that its app should look. */
export type Push =
  | {
      readonly kind: 'event';
      readonly pusher: string;
      readonly room: RoomId;
      readonly event: EventId;
      /** Stream position of the event: they are told in this order. */
      readonly order: number;
      readonly tweaks: PushTweaks;
      /** When the event came, in milliseconds since the epoch. */
      readonly at: number;
    }
  | {
      /** The count of unread messages may have changed; `wake` is told even when it did not. */
      readonly kind: 'badge' | 'wake';
      readonly pusher: string;
      readonly at: number;
    };

/** Pushes that wait for their gateways. */
export interface PushQueue {
  /** Adds pushes, each once, and the jobs that deliver them. */
  add(pushes: readonly Push[]): Promise<void>;
  /**
   * The same in one step with moving the cursor of the stream of events from at most `from` to `to`. False, and nothing
   * is added, when another process has moved it further.
   */
  addAndMove(pushes: readonly Push[], from: number, to: number): Promise<boolean>;
  /** Up to where events were looked through; undefined before the first time. */
  cursor(): Promise<number | undefined>;
  /** Notes that nothing was to be pushed up to `to`; may be lost in a crash. */
  moveCursor(to: number): Promise<void>;
  /** Oldest first: other kinds before events. */
  waiting(pusher: string, limit: number): Promise<Push[]>;
  done(pushes: readonly Push[]): Promise<void>;
  /** Comes back to a pusher later. */
  retry(pusher: string, delayMs: number): Promise<void>;
}

/** Lets apps that are not connected look at the server. */
export interface DeviceWakes {
  /** Sends a silent push to the pushers of a device, if it has any. */
  wake(device: DeviceRef): Promise<void>;
}
