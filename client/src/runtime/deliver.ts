import type { EngineClient } from '../crypto/engine/protocol.ts';
import type { Api } from '../matrix/api/http.ts';
import { fail, ok } from '../matrix/api/result.ts';
import type { Result } from '../matrix/api/result.ts';
import { redact, sendEvent } from '../matrix/api/rooms.ts';
import { stringOf } from '../matrix/events.ts';
import type { OutboxEntry } from '../matrix/send-queue/outbox.ts';
import type { NyxDb } from '../matrix/store/db.ts';
import { engineErrorCode } from './engine-error.ts';

/** How often a message is re-encrypted because somebody left while it was on its way. */
const maxStale = 4;

/**
 * What passes by itself: the network, a disk in trouble, a closed vault, and an identity of this device that the server
 * could not be given yet. What was written meanwhile waits for it.
 */
const transientEngineErrors = new Set(['NETWORK', 'STORE_FAILED', 'VAULT_LOCKED', 'IDENTITY_MISSING']);

/**
 * Sends one stored entry. Into a room that is, or ever was, encrypted nothing goes in clear: without the engine's
 * ciphertext the entry fails or waits (e2ee.md section 3). Safe to repeat: the engine answers the same ciphertext for
 * the same transaction id, and the server the same event id.
 */
export const deliverEntry = async (
  ports: { api: Api; db: NyxDb; engine: EngineClient },
  entry: OutboxEntry,
): Promise<Result<string>> => {
  const { api, engine } = ports;
  const { roomId, txnId } = entry;
  if (entry.kind === 'redaction') {
    const reason = stringOf(entry.content.reason);
    return redact(api, {
      roomId,
      txnId,
      eventId: stringOf(entry.content.redacts) ?? '',
      ...(reason === undefined ? {} : { reason }),
    });
  }
  const room = await ports.db.get('rooms', roomId);
  if (room === undefined)
    return fail({ kind: 'http', status: 404, code: 'M_NOT_FOUND', message: 'unknown room' });
  try {
    const status = await engine.call('roomStatus', { roomId });
    // Both must say clear: the store and the engine remember encryption on their own.
    if (room.encryption === 'none' && status.encryption === 'clear') {
      return await sendEvent(api, { roomId, type: entry.type, txnId, content: entry.content });
    }
    if (status.encryption === 'locked')
      return fail({ kind: 'shape', code: 'LOCKED_ROOM', message: 'foreign encryption' });
    for (let round = 0; round < maxStale; round += 1) {
      const sealed = await engine.call('encryptEvent', {
        roomId,
        txnId,
        type: entry.type,
        content: entry.content,
      });
      const answer = await sendEvent(api, { roomId, type: sealed.type, txnId, content: sealed.content });
      if (answer.ok) {
        await engine.call('eventSent', { roomId, txnId, eventId: answer.value });
        return ok(answer.value);
      }
      if (answer.error.code !== 'CHAT.NYX.STALE_EPOCH') return answer;
      const departure = stringOf(answer.error.body.departure) ?? stringOf(answer.error.body.event_id);
      await engine.call('eventStale', { roomId, txnId, ...(departure === undefined ? {} : { departure }) });
    }
    return fail({ kind: 'timeout', code: 'CHAT.NYX.STALE_EPOCH', message: 'the room changes too fast' });
  } catch (error) {
    const code = engineErrorCode(error);
    if (code === undefined) throw error;
    return fail({ kind: transientEngineErrors.has(code) ? 'network' : 'shape', code, message: code });
  }
};
