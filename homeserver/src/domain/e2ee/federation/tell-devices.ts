import type { JsonObject } from '@nyx/federation/json/value.ts';
import { withoutKeys } from '@nyx/federation/json/value.ts';
import type { DeviceListOutbox } from '../../../ports/device-list-outbox.ts';
import type { RoomSharing } from '../../../ports/device-lists.ts';
import type { EduToSend, OutboundEdus } from '../../../ports/outbound-edus.ts';
import type { QueryDeps } from '../query-keys.ts';
import { queryLocalKeys } from '../query-keys.ts';

/** Name of the job that tells other servers of a user's devices. */
export const TELL_DEVICES_JOB = 'keys.tell-devices';

export type TellDevicesDeps = {
  readonly outbox: DeviceListOutbox;
  readonly sharing: RoomSharing;
  readonly edus: OutboundEdus;
  readonly queries: Omit<QueryDeps, 'remote' | 'serverName'>;
};

const UNSIGNED: ReadonlySet<string> = new Set(['unsigned']);

const deviceEdu = (
  userId: string,
  deviceId: string,
  streamId: number,
  keys: JsonObject | undefined,
): EduToSend => {
  const unsigned = keys?.unsigned as { readonly device_display_name?: string } | undefined;
  const name = unsigned?.device_display_name;
  return {
    type: 'm.device_list_update',
    content: {
      user_id: userId,
      device_id: deviceId,
      stream_id: streamId,
      prev_id: streamId > 1 ? [streamId - 1] : [],
      ...(keys === undefined ? { deleted: true } : { keys: withoutKeys(keys, UNSIGNED) }),
      ...(name === undefined ? {} : { device_display_name: name }),
    },
  };
};

/**
 * Tells the servers that share a room with a user what changed about the devices: one update per device, each naming
 * the one before. Repeated after a crash it sends the same numbers again, which receivers know.
 */
export const tellDevices = async (
  { outbox, sharing, edus, queries }: TellDevicesDeps,
  userId: string,
): Promise<void> => {
  const changes = await outbox.pending(userId);
  if (changes === undefined) return;
  const servers = await sharing.interestedServers(userId);
  const counter = changes.counter + changes.deviceIds.length;
  if (servers.length > 0) {
    const { devices, crossSigning } = await queryLocalKeys(queries, undefined, new Map([[userId, []]]));
    const keys = devices.get(userId);
    const updates = changes.deviceIds.map((deviceId, index) =>
      deviceEdu(userId, deviceId, changes.counter + index + 1, keys?.get(deviceId)),
    );
    const { master, self_signing } = crossSigning.get(userId) ?? {};
    const identity: EduToSend[] =
      changes.identity && master !== undefined
        ? [
            {
              type: 'm.signing_key_update',
              content: {
                user_id: userId,
                master_key: master,
                ...(self_signing === undefined ? {} : { self_signing_key: self_signing }),
              },
            },
          ]
        : [];
    await edus.send(servers, [...updates, ...identity]);
  }
  await outbox.sent(userId, changes, counter);
};
