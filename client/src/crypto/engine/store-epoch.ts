/**
 * The store epoch (e2ee.md section 1): a mark on the server, as encrypted account data, of how far this vault has come. A
 * profile restored from an older copy finds the mark ahead of itself, stops before anything leaves it, and has to log
 * in again as a new device: it never uses a key twice.
 *
 * The vault counts the commits that advance a session and remembers the runs that have written the mark. The mark
 * holds both. It is read at every start, before any to-device message goes out, and written at the start and then at
 * once, but at most every 30 seconds, when sessions advance: what a copy can miss is that much of one run.
 */
import * as z from 'zod/mini';
import { jsonTable, type Table } from '../../vault/table.ts';
import { openValue, sealJson, SecretStorageError } from '../identity/secret-storage.ts';
import { fromUtf8, utf8 } from '../primitives/bytes.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { Secret } from '../primitives/secret.ts';
import { EngineError } from './engine-error.ts';
import type { Op } from './op.ts';
import { backOff, clearBackOff, isBackedOff, isInFlight, request } from './requests.ts';

type StoreMark = {
  /** Commits that advanced a session. */
  readonly counter: number;
  /** Runs that have written the server's mark, newest last. */
  readonly runs: readonly string[];
  /** Counter of the last mark that the server confirmed in this run. */
  readonly marked: number;
};
const MARK: Table<StoreMark> = jsonTable('store-epoch');
const NAME = 'mark';
const FRESH: StoreMark = { counter: 0, runs: [], marked: -1 };
/** The last run's mark may not have arrived, so the one before counts too. */
const RUNS_KEPT = 4;
const MARK_INTERVAL_MS = 30_000;
const SUBJECT = 'store-epoch';
/** The table whose changes are keys used. */
const SESSIONS_TABLE = 'sessions';

const readMark = (op: Op): StoreMark => op.tx.get(MARK, NAME) ?? FRESH;

const typeOf = (op: Op): string => `${NAMESPACE}.store_epoch.${op.self.deviceId}`;
const pathOf = (op: Op): string =>
  `/_matrix/client/v3/user/${encodeURIComponent(op.self.userId)}/account_data/${encodeURIComponent(typeOf(op))}`;
const purposeOf = (op: Op): readonly string[] => ['store-epoch', op.self.deviceId];

const keyOf = (op: Op): Secret<'store-epoch'> => {
  const ikm = op.self.x25519.secret.expose();
  return Secret.take('store-epoch', hkdfSha256({ ikm, info: utf8('chat.nyx/store-epoch/1'), length: 32 }));
};

/** Counts what this operation has advanced. Called last, before the commit. */
export function countAdvance(op: Op): void {
  if (!op.tx.touches(SESSIONS_TABLE)) return;
  const mark = readMark(op);
  op.tx.put(MARK, NAME, { ...mark, counter: mark.counter + 1 });
}

/** Reads the server's mark at the start, and keeps it up to date. Called with every operation. */
export function maintainStoreEpoch(op: Op): void {
  const { storeCheck, storeMarkedAt } = op.memory;
  if (storeCheck === 'rolled-back' || isBackedOff(op, SUBJECT)) return;
  if (isInFlight(op, ({ for: what }) => what === 'storeGet' || what === 'storePut')) return;
  if (storeCheck === 'unchecked') {
    request(op, { kind: 'accountDataGet', method: 'GET', path: pathOf(op) }, { for: 'storeGet' });
    return;
  }
  const { counter, marked } = readMark(op);
  if (counter > marked && (storeMarkedAt === undefined || op.now - storeMarkedAt >= MARK_INTERVAL_MS))
    writeMark(op);
}

/** When the mark is due to be written next (ms). */
export function nextMark(op: Op): number | undefined {
  const { storeCheck, storeMarkedAt } = op.memory;
  const { counter, marked } = readMark(op);
  if (storeCheck !== 'current' || storeMarkedAt === undefined || counter <= marked) return undefined;
  return storeMarkedAt + MARK_INTERVAL_MS;
}

function writeMark(op: Op): void {
  const mark = readMark(op);
  const { boot } = op.memory;
  // Known here before it can be known there: a lost answer must not look like another run.
  if (mark.runs.at(-1) !== boot)
    op.tx.put(MARK, NAME, { ...mark, runs: [...mark.runs, boot].slice(-RUNS_KEPT) });
  using key = keyOf(op);
  const body = sealJson(key, purposeOf(op), { counter: mark.counter, run: boot }, op.random);
  op.memory.storeMarkedAt = op.now;
  request(
    op,
    { kind: 'accountData', method: 'PUT', path: pathOf(op), body },
    { for: 'storePut', counter: mark.counter },
  );
}

const markSchema = z.object({ counter: z.number(), run: z.string() });

/** The mark that the server holds; undefined when there is none that is ours. */
function openMark(op: Op, response: unknown): z.infer<typeof markSchema> | undefined {
  try {
    using key = keyOf(op);
    const parsed = markSchema.safeParse(JSON.parse(fromUtf8(openValue(key, purposeOf(op), response))));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SecretStorageError) return undefined;
    throw error;
  }
}

/** The server's mark at the start; `undefined` when it has none. */
export function receiveStoreMark(op: Op, response: unknown): void {
  clearBackOff(op, SUBJECT);
  if (op.memory.storeCheck !== 'unchecked') return;
  const mark = response === undefined ? undefined : openMark(op, response);
  const own = readMark(op);
  // No mark: a new device, or a server that hides it, which could as well show the old one.
  const behind = mark !== undefined && (mark.counter > own.counter || !own.runs.includes(mark.run));
  op.memory.storeCheck = behind ? 'rolled-back' : 'current';
  if (!behind) writeMark(op);
}

export function storeMarkWritten(op: Op, counter: number): void {
  clearBackOff(op, SUBJECT);
  op.tx.put(MARK, NAME, { ...readMark(op), marked: counter });
}

/** The mark could not be read or written: tried again later. 404 on reading means that there is none. */
export function storeMarkFailed(op: Op, reading: boolean, status: number): void {
  if (reading && status === 404) receiveStoreMark(op, undefined);
  else backOff(op, SUBJECT);
}

/** Whether messages to devices may leave: the keys they were made with are certainly new. */
export const mayLeave = (op: Op): boolean => op.memory.storeCheck === 'current';

/** For operations that send: 'wait' until the mark was read. @throws EngineError ROLLED_BACK */
export function requireCurrentStore(op: Op): 'wait' | 'current' {
  if (op.memory.storeCheck === 'rolled-back')
    throw new EngineError('ROLLED_BACK', 'restored from an older copy: log in again');
  return op.memory.storeCheck === 'current' ? 'current' : 'wait';
}
