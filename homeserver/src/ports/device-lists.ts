/** What of a local user's devices changed. */
export type DeviceChange = { readonly deviceIds?: readonly string[]; readonly identity?: boolean };

/** Which users' device lists changed, in the order of the stream. */
export interface DeviceListChanges {
  /** Users whose keys changed after `from` as far as `viewer` may know, whether or not they share a room. */
  changedSince(viewer: string, from: number): Promise<readonly string[]>;
  /**
   * Tells that keys of users changed, without a change of ours to go with it: a remote user's devices, a signature.
   * With `onlyFor`, it is for that user alone: signatures that the user made on others' keys.
   */
  record(userIds: readonly string[], onlyFor?: string): Promise<void>;
  /** Tells, here and to other servers, that a local user's devices or identity changed. */
  recordOwn(userId: string, change: DeviceChange): Promise<void>;
}

/** Who meets whom in rooms, as the rooms' own records have it. */
export interface RoomSharing {
  /** Which of `others` are joined to a room that `userId` is joined to. */
  sharing(userId: string, others: readonly string[]): Promise<ReadonlySet<string>>;
  /** Servers with a user in any room that `userId` is joined to; never our own. */
  interestedServers(userId: string): Promise<readonly string[]>;
}

/** Notifier key published with every change of anybody's devices. */
export const DEVICE_LISTS_WAKE_KEY = 'device-lists';
