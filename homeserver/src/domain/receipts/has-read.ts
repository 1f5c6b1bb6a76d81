import type { Receipt } from '../../ports/receipt-store.ts';
import { relationOf, type StoredEvent } from '../events/stored-event.ts';

/** The thread of events that are in none (spec: Client-Server API, threaded read receipts). */
export const MAIN_THREAD = 'main';

/** The thread an event belongs to. */
export const threadOf = ({ pdu }: StoredEvent): string => {
  const relation = relationOf(pdu);
  return relation?.relType === 'm.thread' ? relation.target : MAIN_THREAD;
};

/** Whether receipts of a user in the event's room cover the event: those for its thread, or for all. */
export const hasRead = (receipts: readonly Receipt[], event: StoredEvent): boolean => {
  const thread = threadOf(event);
  return receipts.some(
    (receipt) =>
      (receipt.thread === undefined || receipt.thread === thread) && (receipt.pos ?? 0) >= (event.pos ?? 0),
  );
};
