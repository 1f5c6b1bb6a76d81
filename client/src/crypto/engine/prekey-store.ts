/**
 * This device's prekeys: where they are kept, when they are made and uploaded, and how they are destroyed. Each batch
 * of one-time prekeys has its own wrapping key, overwritten when the batch is spent, so that a copy of a deleted
 * record left on the disk opens no more (e2ee.md section 1).
 */
import * as z from 'zod/mini';
import { jsonTable, type Table } from '../../vault/table.ts';
import { readFallbackCheck } from '../prekeys/bundle.ts';
import {
  copiesUpload,
  fallbackUpload,
  generateOneTimePrekeys,
  generateSignedPrekey,
  oneTimeUpload,
} from '../prekeys/generate.ts';
import { planPrekeys, type FallbackSupport, type PrekeyStock } from '../prekeys/plan.ts';
import {
  decodeOneTimeRecord,
  decodeSignedRecord,
  encodeOneTimeRecord,
  encodeSignedRecord,
} from '../prekeys/record.ts';
import type { OneTimePrekey, SignedPrekey } from '../prekeys/types.ts';
import { publicDevice } from '../pairwise/device.ts';
import { concat, utf8 } from '../primitives/bytes.ts';
import { SPK_ALGORITHM } from '../primitives/names.ts';
import { Secret } from '../primitives/secret.ts';
import { XCHACHA_NONCE_BYTES, xchachaOpen, xchachaSeal } from '../primitives/xchacha.ts';
import { deviceKeysBody } from './own-device.ts';
import type { Op } from './op.ts';
import { backOff, clearBackOff, isBackedOff, isInFlight, request } from './requests.ts';

type WrappedOneTime = { readonly batch: number; readonly body: Uint8Array };

/** One-time prekeys, each under its batch's key. */
const ONE_TIME: Table<WrappedOneTime> = {
  name: 'otk',
  encode: ({ batch, body }) => concat(new Uint8Array(new Uint32Array([batch]).buffer), body),
  decode: (bytes) => ({
    batch: new Uint32Array(bytes.slice(0, 4).buffer)[0] ?? 0,
    body: bytes.slice(4),
  }),
  cached: false,
};
const BATCH_KEYS: Table<Secret> = {
  name: 'otk-batches',
  encode: (secret) => secret.expose().slice(),
  decode: (bytes) => Secret.copy('batch-key', bytes),
  cached: false,
};
const SIGNED: Table<SignedPrekey> = {
  name: 'spk',
  encode: encodeSignedRecord,
  decode: decodeSignedRecord,
  cached: false,
};

type PrekeyState = {
  /** Device keys were uploaded. */
  readonly published: boolean;
  readonly fallback: FallbackSupport;
  readonly counts: Readonly<Record<string, number>>;
  readonly unusedFallback: readonly string[] | undefined;
  /** A sync or an upload has told the counts; before that nothing is planned from zero. */
  readonly countsKnown: boolean;
  readonly nextBatch: number;
  /** Which signed prekey was uploaded last. */
  readonly publishedSigned: number;
  /** Unwrapped ids per batch, to know when a batch is spent. */
  readonly batches: Readonly<Record<string, number>>;
};
const STATE: Table<PrekeyState> = jsonTable('prekey-state');
const STATE_NAME = 'state';
/** Nothing was due: with the same counts it is looked at again only after this long. */
const RECHECK_MS = 10 * 60 * 1000;
const FRESH: PrekeyState = {
  published: false,
  fallback: 'unknown',
  counts: {},
  unusedFallback: undefined,
  countsKnown: false,
  nextBatch: 1,
  publishedSigned: 0,
  batches: {},
};

const read = (op: Op): PrekeyState => op.tx.get(STATE, STATE_NAME) ?? FRESH;
const write = (op: Op, change: Partial<PrekeyState>): void =>
  op.tx.put(STATE, STATE_NAME, { ...read(op), ...change });

/** Whether the device's keys stand on the server. */
export const isPublished = (op: Op): boolean => read(op).published;

/** Counts out of a sync. */
export function noteCounts(
  op: Op,
  oneTime: Readonly<Record<string, number>> | undefined,
  unusedFallback: readonly string[] | undefined,
): void {
  const before = read(op);
  const counts = oneTime ?? before.counts;
  const next = {
    ...before,
    counts,
    unusedFallback: unusedFallback ?? before.unusedFallback,
    countsKnown: true,
  };
  if (JSON.stringify(next) !== JSON.stringify(before)) op.tx.put(STATE, STATE_NAME, next);
}

/** The private half for an id a handshake names, or undefined when it is spent or never was. */
export function oneTimePrekey(op: Op, id: number): OneTimePrekey | undefined {
  const wrapped = op.tx.get(ONE_TIME, String(id));
  return wrapped === undefined ? undefined : unwrap(op, id, wrapped);
}

export const signedPrekey = (op: Op, id: number): SignedPrekey | undefined => op.tx.get(SIGNED, String(id));

/** Destroys a spent one-time prekey for good; with the last of its batch goes the batch's key. */
export function destroyOneTime(op: Op, id: number): void {
  const wrapped = op.tx.get(ONE_TIME, String(id));
  if (wrapped === undefined) return;
  op.tx.delete(ONE_TIME, String(id));
  const { batches } = read(op);
  const left = (batches[wrapped.batch] ?? 1) - 1;
  const { [String(wrapped.batch)]: _spent, ...others } = batches;
  if (left > 0) {
    write(op, { batches: { ...others, [String(wrapped.batch)]: left } });
    return;
  }
  // Overwritten, not only deleted: the record's place on the disk is reused by the same key first.
  op.tx.put(BATCH_KEYS, String(wrapped.batch), Secret.take('batch-key', op.random(32)));
  write(op, { batches: others });
}

/** Makes what is due and asks for its upload. Called after every operation; does nothing while one is under way. */
export function maintainPrekeys(op: Op): void {
  if (
    isBackedOff(op, 'keysUpload') ||
    isInFlight(op, (p) => p.for === 'keysUpload' || p.for === 'fallbackCheck')
  )
    return;
  const state = read(op);
  if (state.published && !state.countsKnown) return;
  const { prekeysIdle } = op.memory;
  if (prekeysIdle?.state === state && op.now >= prekeysIdle.since && op.now < prekeysIdle.since + RECHECK_MS)
    return;
  const signed = op.tx.entries(SIGNED).map(([, prekey]) => prekey);
  if (state.published && !isDue(op, state, signed)) {
    op.memory.prekeysIdle = { state, since: op.now };
    return;
  }
  const stock: PrekeyStock = { oneTime: allOneTime(op), signed, fallback: state.fallback };
  const plan = planPrekeys(stock, { oneTime: state.counts, unusedFallback: state.unusedFallback }, op.now);
  for (const id of plan.destroyOneTime) destroyOneTime(op, id);
  for (const id of plan.destroySigned) {
    op.tx.delete(SIGNED, String(id));
    forgetEphemerals(op, id);
  }
  const fresh = plan.generateOneTime > 0 ? makeOneTime(op, plan.generateOneTime, stock.oneTime) : [];
  const current = plan.rotateSigned
    ? rotateSigned(op, signed)
    : signed.find((p) => p.supersededAt === undefined);
  if (current === undefined) return;
  const oneTime = [...plan.republish, ...fresh];
  const newSigned = current.id !== state.publishedSigned;
  const copies =
    plan.publishCopies > 0 ? copiesUpload(op.self, current, current.copies, plan.publishCopies) : {};
  if (plan.publishCopies > 0)
    op.tx.put(SIGNED, String(current.id), { ...current, copies: current.copies + plan.publishCopies });
  write(op, { fallback: plan.fallback });
  if (oneTime.length > 0 || newSigned || !state.published || plan.publishCopies > 0) {
    const body = {
      ...(state.published ? {} : { device_keys: deviceKeysBody(op.self) }),
      one_time_keys: { ...oneTimeUpload(op.self, oneTime), ...copies },
      ...(newSigned ? { fallback_keys: fallbackUpload(op.self, current) } : {}),
    };
    request(
      op,
      { kind: 'keysUpload', method: 'POST', path: '/_matrix/client/v3/keys/upload', body },
      { for: 'keysUpload', oneTime: oneTime.map(({ id }) => id), signed: current.id },
    );
  } else if (plan.checkFallback) requestFallbackCheck(op);
}

/** Cheap test whether planning is worth decrypting a hundred prekeys. */
function isDue(op: Op, state: PrekeyState, signed: readonly SignedPrekey[]): boolean {
  const plan = planPrekeys(
    { oneTime: [], signed, fallback: state.fallback },
    { oneTime: state.counts, unusedFallback: state.unusedFallback },
    op.now,
  );
  const work = plan.generateOneTime + plan.publishCopies + plan.destroySigned.length;
  const current = signed.find((p) => p.supersededAt === undefined);
  return work > 0 || plan.rotateSigned || plan.checkFallback || current?.id !== state.publishedSigned;
}

const uploadAnswer = z.object({ one_time_key_counts: z._default(z.record(z.string(), z.number()), {}) });

/** The server took an upload. */
export function receiveUpload(op: Op, oneTime: readonly number[], signedId: number, response: unknown): void {
  clearBackOff(op, 'keysUpload');
  for (const id of oneTime) {
    const prekey = oneTimePrekey(op, id);
    if (prekey !== undefined) putOneTime(op, { ...prekey, publishedAt: op.now });
  }
  const parsed = uploadAnswer.safeParse(response);
  write(op, {
    published: true,
    publishedSigned: signedId,
    ...(parsed.success ? { counts: parsed.data.one_time_key_counts, countsKnown: true } : {}),
  });
}

/**
 * An upload was refused for good, which servers do when a key id exists with other content: a half-known batch after
 * a restored profile. Those prekeys are destroyed and others made.
 */
export function uploadRefused(op: Op, oneTime: readonly number[]): void {
  for (const id of oneTime) destroyOneTime(op, id);
  backOff(op, 'keysUpload');
}

const claimAnswer = z.object({
  one_time_keys: z._default(
    z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))),
    {},
  ),
});

/** The capability test's answer (e2ee.md section 1: Dendrite's upload route ignores fallback keys). */
export function receiveFallbackCheck(op: Op, response: unknown): void {
  const parsed = claimAnswer.safeParse(response);
  const claimed = parsed.success ? parsed.data.one_time_keys[op.self.userId]?.[op.self.deviceId] : undefined;
  try {
    write(op, { fallback: readFallbackCheck(publicDevice(op.self), claimed ?? {}) });
  } catch {
    // A key that is not ours: the server plays tricks. Copies work in any case.
    write(op, { fallback: 'ignored' });
  }
}

/** Handshakes without a one-time prekey that were accepted: hash of the ephemeral key -> signed prekey id. */
const EPHEMERALS: Table<number> = jsonTable('ephemerals');

export const isEphemeralSeen = (op: Op, hash: string): boolean => op.tx.get(EPHEMERALS, hash) !== undefined;
export const rememberEphemeral = (op: Op, hash: string, signedId: number): void =>
  op.tx.put(EPHEMERALS, hash, signedId);

function forgetEphemerals(op: Op, signedId: number): void {
  for (const [hash, id] of op.tx.entries(EPHEMERALS)) if (id === signedId) op.tx.delete(EPHEMERALS, hash);
}

function requestFallbackCheck(op: Op): void {
  const body = { one_time_keys: { [op.self.userId]: { [op.self.deviceId]: SPK_ALGORITHM } } };
  request(
    op,
    { kind: 'keysClaim', method: 'POST', path: '/_matrix/client/v3/keys/claim', body },
    { for: 'fallbackCheck' },
  );
}

function makeOneTime(op: Op, count: number, existing: readonly OneTimePrekey[]): OneTimePrekey[] {
  const state = read(op);
  const batch = state.nextBatch;
  op.tx.put(BATCH_KEYS, String(batch), Secret.take('batch-key', op.random(32)));
  const made = generateOneTimePrekeys(count, batch, new Set(existing.map(({ id }) => id)), op.random);
  write(op, { nextBatch: batch + 1, batches: { ...state.batches, [String(batch)]: made.length } });
  for (const prekey of made) putOneTime(op, prekey);
  return made;
}

function rotateSigned(op: Op, existing: readonly SignedPrekey[]): SignedPrekey {
  const fresh = generateSignedPrekey(new Set(existing.map(({ id }) => id)), op.now, op.random);
  for (const old of existing)
    if (old.supersededAt === undefined) op.tx.put(SIGNED, String(old.id), { ...old, supersededAt: op.now });
  op.tx.put(SIGNED, String(fresh.id), fresh);
  return fresh;
}

function putOneTime(op: Op, prekey: OneTimePrekey): void {
  const key = op.tx.get(BATCH_KEYS, String(prekey.batch));
  if (key === undefined) return;
  const nonce = op.random(XCHACHA_NONCE_BYTES);
  const plain = encodeOneTimeRecord(prekey);
  const aad = utf8(`otk|${prekey.batch}|${prekey.id}`);
  const body = concat(nonce, xchachaSeal({ key: key.expose(), nonce, aad }, plain));
  plain.fill(0);
  op.tx.put(ONE_TIME, String(prekey.id), { batch: prekey.batch, body });
}

function unwrap(op: Op, id: number, { batch, body }: WrappedOneTime): OneTimePrekey | undefined {
  const key = op.tx.get(BATCH_KEYS, String(batch));
  if (key === undefined) return undefined;
  const nonce = body.subarray(0, XCHACHA_NONCE_BYTES);
  const aad = utf8(`otk|${batch}|${id}`);
  const plain = xchachaOpen({ key: key.expose(), nonce, aad }, body.subarray(XCHACHA_NONCE_BYTES));
  const prekey = decodeOneTimeRecord(plain);
  plain.fill(0);
  return prekey;
}

const allOneTime = (op: Op): OneTimePrekey[] =>
  op.tx.entries(ONE_TIME).flatMap(([id, wrapped]) => unwrap(op, Number(id), wrapped) ?? []);
