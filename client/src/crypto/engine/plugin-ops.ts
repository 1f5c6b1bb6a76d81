/** Operations of plugins that wait for the server, or work on many bytes. */
import { AttachmentError } from '../attachments/errors.ts';
import { openValue } from '../attachments/sealed-value.ts';
import type { Secret } from '../primitives/secret.ts';
import { appMessage, sendToAll } from './app-messages.ts';
import { EngineError } from './engine-error.ts';
import type { Op } from './op.ts';
import { noteShared, requireShareable, shareOf } from './plugin-secrets.ts';
import type { EngineResults, ParsedArgs } from './protocol.ts';

/** Hands a secret to users; those with at least one device that gets it count as reached. */
export function shareSecret(
  op: Op,
  { plugin, handle, userIds }: ParsedArgs<'secretShare'>,
): EngineResults['secretShare'] | 'wait' {
  requireShareable(op, plugin, handle, userIds);
  const sent = sendToAll(op, userIds, shareOf(op, plugin, handle));
  if (sent === 'wait') return 'wait';
  const reached = [...new Set(sent.reached.map(([userId]) => userId))];
  noteShared(op, plugin, handle, reached);
  return { reached };
}

/** Sends a plugin's message to a user's devices; answers the device ids. */
export function sendAppMessage(
  op: Op,
  { userId, type, content, deviceIds }: ParsedArgs<'deviceSend'>,
): EngineResults['deviceSend'] | 'wait' {
  const sent = sendToAll(op, [userId], appMessage(type, content), deviceIds);
  return sent === 'wait' ? 'wait' : { reached: sent.reached.map(([, deviceId]) => deviceId) };
}

/** Opens a sealed value. @throws EngineError BAD_SEALED */
export async function openSealed(
  key: Secret,
  context: string,
  data: Uint8Array,
  yieldNow: () => Promise<void>,
): Promise<Uint8Array> {
  try {
    return await openValue(key, context, data, yieldNow);
  } catch (error) {
    if (error instanceof AttachmentError) throw new EngineError('BAD_SEALED', error.code);
    throw error;
  }
}
