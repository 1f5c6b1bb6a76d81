import { directToDeviceSchema } from '@nyx/federation/events/edu.ts';
import { userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import { DomainError } from '../errors.ts';
import { receivedSignalKey, ROTATE } from './rotation/jobs.ts';
import type { ScreenDeps } from './screen-to-device.ts';
import { screenToDevice } from './screen-to-device.ts';
import type { SendToDeviceDeps } from './send-to-device.ts';
import type { ToDeviceContents } from './to-device-contents.ts';
import { requestDigest } from './request-digest.ts';
import { addressLocal } from './send-to-device.ts';

const REFUSALS: ReadonlySet<string> = new Set(['limit_exceeded', 'forbidden']);

/** What is left of a message after the rules for its type; a peer is not told why something was dropped. */
const screened = async (
  screen: ScreenDeps,
  request: Parameters<typeof screenToDevice>[1],
): Promise<ToDeviceContents> => {
  try {
    return await screenToDevice(screen, request);
  } catch (error) {
    if (error instanceof DomainError && REFUSALS.has(error.code)) return new Map();
    throw error;
  }
};

/** What became of an `m.direct_to_device` EDU. */
export type DirectToDeviceOutcome = 'stored' | 'repeated' | 'malformed' | 'foreign_sender';

/**
 * Takes messages that another server sends to devices of ours (spec: Server-Server API, Send-to-device messaging).
 * Stored before it answers. A sender that the origin does not own is refused: it would be an impersonation.
 */
export const receiveDirectToDevice = async (
  { inbox, devices, served, screen, serverName }: Omit<SendToDeviceDeps, 'transport'>,
  origin: string,
  edu: unknown,
): Promise<DirectToDeviceOutcome> => {
  const parsed = directToDeviceSchema.safeParse(edu);
  if (!parsed.success) return 'malformed';
  const { sender, type, message_id, messages: addressed } = parsed.data;
  if (userIdServer(sender) !== origin) return 'foreign_sender';
  const requestId = requestDigest(['federation', origin, sender, message_id].join('\n'));
  if (await served.was(requestId)) return 'repeated';
  const local = Object.entries(addressed).filter(
    ([userId]) => userId.slice(userId.indexOf(':') + 1) === serverName,
  );
  const contents = new Map(local.map(([user, byDevice]) => [user, new Map(Object.entries(byDevice))]));
  const carried = await screened(screen, { sender, type, contents });
  const messages = await addressLocal(devices, carried, { sender, type, dedupeKey: requestId });
  if (type === ROTATE) {
    // The departure is told here by its own event too: the two tellings are one.
    await inbox.putOnce(
      messages.map((message) => {
        const key = receivedSignalKey(message.content);
        return key === undefined ? message : { ...message, dedupeKey: requestDigest(key) };
      }),
    );
  } else await inbox.put(messages);
  await served.mark(requestId);
  return 'stored';
};
