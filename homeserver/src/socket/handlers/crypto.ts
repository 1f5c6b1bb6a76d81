import type { SyncResponse } from '../../domain/sync/sync-response.ts';
import type { ClientFrame } from '../frames.ts';
import type { OperationCall } from '../operations.ts';
import { named, object } from './parts.ts';

/** Frames that end-to-end encryption needs at once: messages from device to device. */
export const cryptoCall = ({ type, body }: ClientFrame): OperationCall | undefined =>
  type === 'to_device'
    ? {
        operation: 'sendToDevice',
        params: named(body, { eventType: 'event_type', txnId: 'txn_id' }),
        body: { messages: object(body.messages, 'messages') },
        // The messages of a session are decrypted in the order in which they were encrypted.
        lane: type,
      }
    : undefined;

/** What a device is told when its stock of keys is low: it goes ahead of the delta that has the news as well. */
export const cryptoFrame = ({ keyCounts }: SyncResponse): object | undefined =>
  keyCounts.isAsked
    ? {
        type: 'crypto',
        device_one_time_keys_count: keyCounts.oneTime,
        device_unused_fallback_key_types: keyCounts.unusedFallback,
      }
    : undefined;
