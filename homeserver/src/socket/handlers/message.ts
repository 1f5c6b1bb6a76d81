import type { ClientFrame } from '../frames.ts';
import type { OperationCall } from '../operations.ts';
import { named, object, roomLane } from './parts.ts';

/** Frames about events in rooms. Those of one room keep their order. */
export const messageCall = ({ type, body }: ClientFrame): OperationCall | undefined => {
  const room = named(body, { roomId: 'room_id' });
  const lane = roomLane('room', body);
  switch (type) {
    case 'send':
      return {
        operation: 'sendMessage',
        params: { ...room, ...named(body, { eventType: 'event_type', txnId: 'txn_id' }) },
        body: object(body.content, 'content'),
        lane,
      };
    case 'redact':
      return {
        operation: 'redactEvent',
        params: { ...room, ...named(body, { eventId: 'event_id', txnId: 'txn_id' }) },
        body: named(body, { reason: 'reason' }),
        lane,
      };
    default:
      return undefined;
  }
};
