import type { ClientFrame } from '../frames.ts';
import type { OperationCall } from '../operations.ts';
import { named, roomLane } from './parts.ts';

/** Frames by which users show each other that they are there: presence, typing, receipts. */
export const presenceCall = ({ type, body }: ClientFrame, userId: string): OperationCall | undefined => {
  const room = named(body, { roomId: 'room_id' });
  switch (type) {
    case 'presence':
      return {
        operation: 'setPresence',
        params: { userId },
        body: named(body, { presence: 'presence', status_msg: 'status_msg' }),
        lane: type,
      };
    case 'typing':
      return {
        operation: 'setTyping',
        params: { ...room, userId },
        body: named(body, { typing: 'typing', timeout: 'timeout' }),
        lane: roomLane('typing', body),
      };
    case 'receipt':
      return {
        operation: 'postReceipt',
        params: { ...room, ...named(body, { receiptType: 'receipt_type', eventId: 'event_id' }) },
        body: named(body, { thread_id: 'thread_id' }),
        lane: roomLane('receipt', body),
      };
    case 'read_markers':
      return {
        operation: 'setReadMarker',
        params: room,
        body: named(body, {
          'm.fully_read': 'm.fully_read',
          'm.read': 'm.read',
          'm.read.private': 'm.read.private',
        }),
        lane: roomLane('receipt', body),
      };
    default:
      return undefined;
  }
};
