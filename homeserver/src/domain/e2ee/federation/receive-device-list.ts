import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isJsonObject } from '@nyx/federation/json/value.ts';
import { z } from 'zod';
import type { DeviceListChanges } from '../../../ports/device-lists.ts';
import type { RemoteDeviceList, RemoteDeviceLists } from '../../../ports/remote-device-lists.ts';
import { MAX_DEVICES_PER_USER, parseRemoteDevice } from './parse-remote-keys.ts';

const updateSchema = z.looseObject({
  user_id: z.string().max(255),
  device_id: z.string().max(255),
  stream_id: z.int(),
  prev_id: z.array(z.int()).max(1_000).default([]),
  deleted: z.boolean().default(false),
  device_display_name: z.string().max(1_000).nullish(),
  keys: z.custom<JsonObject>(isJsonObject).optional(),
});

const signingKeySchema = z.looseObject({
  user_id: z.string().max(255),
  master_key: z.custom<JsonObject>(isJsonObject).optional(),
  self_signing_key: z.custom<JsonObject>(isJsonObject).optional(),
});

export type ReceiveDeviceListDeps = {
  readonly lists: RemoteDeviceLists;
  readonly changes: DeviceListChanges;
};

const ownedBy = (userId: string, origin: string): boolean =>
  userId.startsWith('@') && userId.slice(userId.indexOf(':') + 1) === origin;

const applied = (
  list: RemoteDeviceList,
  update: z.output<typeof updateSchema>,
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

/**
 * Takes `m.device_list_update` (spec: Server-Server API, Device Management): applied when it follows on the list that is
 * known; otherwise the list is forgotten and fetched anew by whoever asks. Who shares a room is told in any case.
 */
export const receiveDeviceListUpdate = async (
  { lists, changes }: ReceiveDeviceListDeps,
  origin: string,
  content: unknown,
): Promise<void> => {
  const parsed = updateSchema.safeParse(content);
  if (!parsed.success || !ownedBy(parsed.data.user_id, origin)) return;
  const { user_id: userId, stream_id: streamId, prev_id: previous } = parsed.data;
  const [list] = await lists.ofUsers([userId]);
  if (list !== undefined) {
    if (list.streamId >= streamId) return;
    const next = previous.every((id) => id <= list.streamId) ? applied(list, parsed.data) : undefined;
    // An update that names no predecessor follows on nothing but an empty list.
    const isStored =
      next !== undefined && (previous.length > 0 || list.streamId === 0)
        ? await lists.replace(next, list.streamId)
        : false;
    if (!isStored) await lists.forget([userId]);
  }
  await changes.record([userId]);
};

/** Takes `m.signing_key_update`: new cross-signing keys of a user. */
export const receiveSigningKeyUpdate = async (
  { lists, changes }: ReceiveDeviceListDeps,
  origin: string,
  content: unknown,
): Promise<void> => {
  const parsed = signingKeySchema.safeParse(content);
  if (!parsed.success || !ownedBy(parsed.data.user_id, origin)) return;
  await lists.forget([parsed.data.user_id]);
  await changes.record([parsed.data.user_id]);
};
