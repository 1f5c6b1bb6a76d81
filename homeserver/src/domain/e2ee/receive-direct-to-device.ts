import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isJsonObject } from '@nyx/federation/json/value.ts';
import { z } from 'zod';
import type { SendToDeviceDeps } from './send-to-device.ts';
import { requestDigest } from './request-digest.ts';
import { addressLocal } from './send-to-device.ts';

const contentSchema = z.looseObject({
  sender: z.string(),
  type: z.string().max(255),
  message_id: z.string().max(255),
  messages: z.record(z.string(), z.record(z.string(), z.custom<JsonObject>(isJsonObject))),
});

/** What became of an `m.direct_to_device` EDU. */
export type DirectToDeviceOutcome = 'stored' | 'repeated' | 'malformed' | 'foreign_sender';

/**
 * Takes messages that another server sends to devices of ours (spec: Server-Server API, Send-to-device messaging).
 * Stored before it answers. A sender that the origin does not own is refused: it would be an impersonation.
 */
export const receiveDirectToDevice = async (
  { inbox, devices, served, serverName }: Omit<SendToDeviceDeps, 'transport'>,
  origin: string,
  edu: unknown,
): Promise<DirectToDeviceOutcome> => {
  const parsed = contentSchema.safeParse(edu);
  if (!parsed.success) return 'malformed';
  const { sender, type, message_id, messages } = parsed.data;
  if (sender.slice(sender.indexOf(':') + 1) !== origin || !sender.startsWith('@')) return 'foreign_sender';
  const requestId = requestDigest(['federation', origin, sender, message_id].join('\n'));
  if (await served.was(requestId)) return 'repeated';
  const local = Object.entries(messages).filter(
    ([userId]) => userId.slice(userId.indexOf(':') + 1) === serverName,
  );
  const contents = new Map(local.map(([user, byDevice]) => [user, new Map(Object.entries(byDevice))]));
  await inbox.put(await addressLocal(devices, contents, { sender, type, dedupeKey: requestId }));
  await served.mark(requestId);
  return 'stored';
};
