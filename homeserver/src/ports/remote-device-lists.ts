import type { RemoteUserKeys } from './remote-keys.ts';

/** The device list of another server's user, as of one of its updates. */
export type RemoteDeviceList = RemoteUserKeys & {
  readonly userId: string;
  /** The update up to which the list is complete; the user's server counts them. */
  readonly streamId: number;
};

/** Device lists of other servers' users, kept as long as updates keep them true. */
export interface RemoteDeviceLists {
  ofUsers(userIds: readonly string[]): Promise<readonly RemoteDeviceList[]>;
  put(list: RemoteDeviceList): Promise<void>;
  /** Stores a changed list, provided that the stored one is still at `expected`. False when it is not. */
  replace(list: RemoteDeviceList, expected: number): Promise<boolean>;
  /** The list may be out of date: it is fetched when somebody asks. */
  forget(userIds: readonly string[]): Promise<void>;
}
