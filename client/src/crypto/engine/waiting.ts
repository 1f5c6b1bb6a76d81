/** Messages whose key has not come: what is waited for, and since when (e2ee.md section 4). */
import { jsonTable, type Table } from '../../vault/table.ts';
import type { Op } from './op.ts';

export type WithheldCode = 'not_in_roster' | 'left' | 'before_join' | 'withheld';

export type WaitingKey = {
  readonly roomId: string;
  readonly kid: string;
  /** Generation wanted: a refusal of one says nothing about the next. */
  readonly g: number;
  readonly sender: string;
  readonly device: string;
  readonly events: readonly string[];
  readonly since: number;
  /** Steps of the request schedule done. */
  readonly stage: number;
  readonly nextAt: number;
  /** Names of devices asked already. */
  readonly asked: readonly string[];
  readonly requestId: string;
  /** Since when (ms) this stage waits for sessions that are being claimed: at most once, and not for long. */
  readonly putOff?: number | undefined;
  readonly withheld: WithheldCode | undefined;
};
export const WAITING: Table<WaitingKey> = jsonTable('waiting');

/** Events remembered per missing key; the page asks again for all it shows anyway. */
export const MAX_WAITING_EVENTS = 1_000;
/** Stages of asking; afterwards the user is told to ask the sender. */
export const STAGES = 5;
/** After this long a key is not asked for any more. */
export const GIVE_UP_MS = 14 * 24 * 60 * 60 * 1000;

export type Missing = {
  readonly roomId: string;
  readonly kid: string;
  readonly g: number;
  readonly eventId: string;
  readonly sender: string;
  readonly device: string;
};

export const waitingName = (roomId: string, kid: string, g: number): string => `${roomId}|${kid}|${g}`;

/** Notes that an event waits; true when automatic asking is over. */
export function noteWaiting(op: Op, missing: Missing): boolean {
  const name = waitingName(missing.roomId, missing.kid, missing.g);
  const known = op.tx.get(WAITING, name);
  if (known === undefined) {
    const { roomId, kid, g, sender, device, eventId } = missing;
    const events = eventId === '' ? [] : [eventId];
    const since = op.now;
    op.tx.put(WAITING, name, {
      ...{ roomId, kid, g, sender, device, events, since },
      ...{ stage: 0, nextAt: op.now, asked: [], requestId: '', withheld: undefined },
    });
    return false;
  }
  if (missing.eventId !== '' && !known.events.includes(missing.eventId))
    op.tx.put(WAITING, name, {
      ...known,
      events: [...known.events, missing.eventId].slice(-MAX_WAITING_EVENTS),
    });
  return isOver(op, known);
}

export const isOver = (op: Op, { stage, since }: WaitingKey): boolean =>
  stage >= STAGES || op.now - since > GIVE_UP_MS;

/** Why a key is kept from us, if a holder said so. */
export const withheldCode = (op: Op, roomId: string, kid: string, g: number): WithheldCode | undefined =>
  op.tx.get(WAITING, waitingName(roomId, kid, g))?.withheld;
