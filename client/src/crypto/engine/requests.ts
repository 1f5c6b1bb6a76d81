/** Requests to the homeserver: what they are about, how they are kept, and when they are tried again. */
import type { Table } from '../../vault/table.ts';
import { jsonTable } from '../../vault/table.ts';
import { toHex } from '../primitives/bytes.ts';
import type { Op } from './op.ts';
import type { OutgoingRequest } from './protocol/sync.ts';
import type { InFlight, Purpose } from './purpose.ts';

/** Requests that must survive a crash: they carry ciphertexts whose keys are spent. Names sort by age. */
export const OUTBOX: Table<InFlight> = jsonTable('outbox');

type RequestSpec = Omit<OutgoingRequest, 'id' | 'auth'> & { readonly auth?: OutgoingRequest['auth'] };

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;

/** A request derived from state: forgotten by a restart, made again from the same state. */
export function request(op: Op, spec: RequestSpec, purpose: Purpose): void {
  // Unique over runs: an answer to another run's request must not be taken for one of ours.
  const id = `m${op.memory.boot}-${op.memory.nextRequest++}`;
  op.memory.inFlight.set(id, { request: { auth: 'token', ...spec, id }, purpose });
}

/** A request kept until it is reported done. `path` may use the id as its transaction id. */
export function enqueue(
  op: Op,
  spec: Omit<RequestSpec, 'path'> & { readonly path: (id: string) => string },
  purpose: Purpose,
): void {
  const id = `p${op.now.toString().padStart(15, '0')}-${toHex(op.random(8))}`;
  const { path, ...rest } = spec;
  const kept: OutgoingRequest = { auth: 'token', ...rest, id, path: path(id) };
  op.tx.put(OUTBOX, id, { request: kept, purpose });
}

export const findRequest = (op: Op, id: string): InFlight | undefined =>
  op.memory.inFlight.get(id) ?? op.tx.get(OUTBOX, id);

export function dropRequest(op: Op, id: string): void {
  op.memory.inFlight.delete(id);
  if (op.tx.get(OUTBOX, id) !== undefined) op.tx.delete(OUTBOX, id);
}

/** Everything not yet reported done, oldest first. */
export function allRequests(op: Op): OutgoingRequest[] {
  const kept = op.tx.entries(OUTBOX).sort(([a], [b]) => (a < b ? -1 : 1));
  return [...op.memory.inFlight.values(), ...kept.map(([, value]) => value)].map(({ request: r }) => r);
}

/** Whether some derived request with this purpose is under way. */
export const isInFlight = (op: Op, test: (purpose: Purpose) => boolean): boolean =>
  [...op.memory.inFlight.values()].some(({ purpose }) => test(purpose));

/** Whether `subject` failed so lately that it is not tried again yet. */
export const isBackedOff = (op: Op, subject: string): boolean =>
  (op.memory.backoff.get(subject)?.until ?? 0) > op.now;

/** Notes a failure: doubles the wait, up to a minute. */
export function backOff(op: Op, subject: string): void {
  const failures = (op.memory.backoff.get(subject)?.failures ?? 0) + 1;
  const wait = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures - 1, 10));
  op.memory.backoff.set(subject, { until: op.now + wait, failures });
}

export const clearBackOff = (op: Op, subject: string): void => {
  op.memory.backoff.delete(subject);
};
