import type { DeviceListChanges, RoomSharing } from '../../ports/device-lists.ts';

/** Whom a user met and parted from in rooms since a token, as the changes of memberships tell. */
export type Encounters = {
  /** Others who joined rooms of the user, and the members of rooms that the user joined. */
  readonly met: Iterable<string>;
  /** Others who left rooms of the user, and the members of rooms that the user left. */
  readonly parted: Iterable<string>;
};

/** `device_lists` of /sync. */
export type DeviceListDelta = { readonly changed: readonly string[]; readonly left: readonly string[] };

/**
 * Whose keys the user must fetch again, and whose it may forget (spec: Client-Server API, Tracking the device list for
 * a user): changed are those who share a room and whose keys changed or who were met, left are those who share none.
 */
export const deviceListDelta = async (
  { changes, sharing }: { readonly changes: DeviceListChanges; readonly sharing: RoomSharing },
  viewer: string,
  from: number,
  { met, parted }: Encounters,
): Promise<DeviceListDelta> => {
  const news = await changes.changedSince(viewer, from);
  const candidates = new Set([...news, ...met]);
  const gone = new Set(parted);
  gone.delete(viewer);
  if (candidates.size === 0 && gone.size === 0) return { changed: [], left: [] };
  const shared = await sharing.sharing(viewer, [...new Set([...candidates, ...gone])]);
  return {
    changed: [...candidates].filter((user) => shared.has(user)),
    left: [...gone].filter((user) => !shared.has(user)),
  };
};
