import { deviceListUpdateSchema, signingKeyUpdateSchema } from '@nyx/federation/events/edu.ts';
import { canonicalJson } from '@nyx/federation/json/canonical.ts';
import { MAX_DEVICES_PER_USER } from '@nyx/federation/spec/schemas/user-keys.ts';
import type { z } from 'zod';
import type { DeviceListChanges } from '../../../ports/device-lists.ts';
import type { RemoteDeviceList, RemoteDeviceLists } from '../../../ports/remote-device-lists.ts';
import { parseRemoteDevice } from './parse-remote-keys.ts';

export type ReceiveDeviceListDeps = {
  readonly lists: RemoteDeviceLists;
  readonly changes: DeviceListChanges;
  /** Whether a user of ours is in a room with the user; nobody else's devices are of interest. */
  readonly isFollowed: (userId: string) => Promise<boolean>;
  /** Leaves a job that fetches the user's whole list. */
  readonly resync: (userId: string) => Promise<void>;
};

const ownedBy = (userId: string, origin: string): boolean =>
  userId.startsWith('@') && userId.slice(userId.indexOf(':') + 1) === origin;

const applied = (
  list: RemoteDeviceList,
  update: z.output<typeof deviceListUpdateSchema>,
): RemoteDeviceList | undefined => {
  const { device_id: deviceId, stream_id: streamId, keys } = update;
  const devices = new Map(list.devices);
  if (update.deleted) devices.delete(deviceId);
  else {
    const name = update.device_display_name ?? undefined;
    // A device without keys, or one whose name alone was told, is none that anybody can encrypt to.
    if (keys !== undefined) {
      const device = parseRemoteDevice(keys, list.userId, deviceId, name);
      if (device === undefined) return undefined;
      devices.set(deviceId, device);
    }
  }
  return devices.size > MAX_DEVICES_PER_USER ? undefined : { ...list, devices, streamId };
};

/** Whether an update tells nothing that the list does not hold: a repeat, not the news of a server that began anew. */
const isKnown = (list: RemoteDeviceList, update: z.output<typeof deviceListUpdateSchema>): boolean => {
  const known = list.devices.get(update.device_id);
  if (update.deleted || update.keys === undefined) return known === undefined;
  const name = update.device_display_name ?? undefined;
  const told = parseRemoteDevice(update.keys, list.userId, update.device_id, name);
  return (
    known !== undefined &&
    told !== undefined &&
    canonicalJson(told, 'lenient') === canonicalJson(known, 'lenient')
  );
};

/**
 * Takes `m.device_list_update` (spec: Server-Server API, Device Management): applied when it follows on the list that is
 * known; otherwise the list is forgotten, and fetched anew by a job or by whoever asks first. A number below the known
 * one with other content comes from a server that was set back: its list is fetched anew as well. Who shares a room is
 * told in any case.
 */
export const receiveDeviceListUpdate = async (
  { lists, changes, isFollowed, resync }: ReceiveDeviceListDeps,
  origin: string,
  content: unknown,
): Promise<void> => {
  const parsed = deviceListUpdateSchema.safeParse(content);
  if (!parsed.success || !ownedBy(parsed.data.user_id, origin)) return;
  const { user_id: userId, stream_id: streamId, prev_id: previous } = parsed.data;
  if (!(await isFollowed(userId))) return;
  const [list] = await lists.ofUsers([userId]);
  if (list !== undefined) {
    if (list.streamId >= streamId && isKnown(list, parsed.data)) return;
    const follows =
      list.streamId < streamId &&
      previous.every((id) => id <= list.streamId) &&
      // An update that names no predecessor follows on nothing but an empty list.
      (previous.length > 0 || list.streamId === 0);
    const next = follows ? applied(list, parsed.data) : undefined;
    if (next === undefined || !(await lists.replace(next, list.streamId))) {
      await lists.forget([userId]);
      await resync(userId);
    }
  }
  await changes.record([userId]);
};

/** Takes `m.signing_key_update`: new cross-signing keys of a user. */
export const receiveSigningKeyUpdate = async (
  { lists, changes, isFollowed, resync }: ReceiveDeviceListDeps,
  origin: string,
  content: unknown,
): Promise<void> => {
  const parsed = signingKeyUpdateSchema.safeParse(content);
  if (!parsed.success || !ownedBy(parsed.data.user_id, origin)) return;
  const { user_id: userId } = parsed.data;
  if (!(await isFollowed(userId))) return;
  await lists.forget([userId]);
  await resync(userId);
  await changes.record([userId]);
};
