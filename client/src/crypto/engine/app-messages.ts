/** Messages of plugins from device to device, in pairwise frames: opens sessions first where there are none. */
import * as z from 'zod/mini';
import { trustedDevices, trustOf, type DeviceRecord } from '../identity/user-record.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { claimsUnderWay, wantClaim } from './claims.ts';
import { awaitsQuery, track } from './directory.ts';
import { deviceName, type Op } from './op.ts';
import { hasSession, peerOf, sealFor, type InnerEvent, type PairwiseContent } from './pairwise-channel.ts';
import { USERS } from './tables.ts';
import { sendToDevices } from './to-device.ts';

export const APP_MESSAGE_TYPE = `${NAMESPACE}.app_message`;

/** Devices that a message goes to; undefined while their owners' device lists are on their way. */
function targets(
  op: Op,
  userIds: readonly string[],
  deviceIds: readonly string[] | undefined,
): (readonly [string, DeviceRecord])[] | undefined {
  for (const userId of userIds) track(op, userId);
  if (userIds.some((userId) => awaitsQuery(op, userId))) return undefined;
  return userIds.flatMap((userId) =>
    trustedDevices(op.tx.get(USERS, userId))
      .filter(({ deviceId }) => deviceIds?.includes(deviceId) ?? true)
      .filter(({ deviceId }) => userId !== op.self.userId || deviceId !== op.self.deviceId)
      .map((device) => [userId, device] as const),
  );
}

/**
 * Seals for every trusted device of these users that a session can be had with, and queues the frames. `wait` while an
 * answer of the server is needed; the devices that were reached otherwise, as user and device id.
 */
export function sendToAll(
  op: Op,
  userIds: readonly string[],
  inner: InnerEvent,
  deviceIds?: readonly string[],
): { readonly reached: readonly (readonly [string, string])[] } | 'wait' {
  const devices = targets(op, userIds, deviceIds);
  if (devices === undefined || claimsUnderWay(op)) return 'wait';
  const without = devices.filter(([userId, device]) => !hasSession(op, peerOf(userId, device)));
  // A claim that failed lately is not repeated: that device is left out.
  const wanted = without.filter(([userId, { deviceId }]) => wantClaim(op, deviceName(userId, deviceId)));
  if (wanted.length > 0) return 'wait';
  const messages: Record<string, Record<string, PairwiseContent>> = {};
  const reached: (readonly [string, string])[] = [];
  for (const [userId, device] of devices) {
    const sealed = sealFor(op, peerOf(userId, device), inner);
    if (sealed === undefined) continue;
    messages[userId] = { ...messages[userId], [device.deviceId]: sealed };
    reached.push([userId, device.deviceId]);
  }
  if (reached.length > 0) sendToDevices(op, 'm.room.encrypted', messages, { for: 'toDevice' });
  return { reached };
}

const messageSchema = z.object({
  type: z.string().check(z.minLength(1), z.maxLength(255)),
  content: z.record(z.string(), z.unknown()),
});

/** What wraps a plugin's message: its types are its own, and never the engine's. */
export const appMessage = (type: string, content: Readonly<Record<string, unknown>>): InnerEvent => ({
  type: APP_MESSAGE_TYPE,
  content: { type, content },
});

/** Passes a plugin's message out of a trusted device's frame on to the page. */
export function takeAppMessage(op: Op, sender: string, device: DeviceRecord, inner: unknown): void {
  const parsed = messageSchema.safeParse(inner);
  if (!parsed.success) return;
  const verified = trustOf(op.tx.get(USERS, sender)) === 'verified';
  const trust = sender === op.self.userId ? 'own' : verified ? 'verified' : 'pinned';
  op.notices.push({
    kind: 'appMessage',
    message: { ...parsed.data, sender, device: device.deviceId, trust },
  });
}
