/** Pairwise sessions inside the engine: look-ups, records, claims and errors around `pairwise/`. */
import * as z from 'zod/mini';
import type { Table } from '../../vault/table.ts';
import type { DeviceRecord } from '../identity/user-record.ts';
import type { PeerDevice } from '../pairwise/device.ts';
import { decodeFrame, type Frame } from '../pairwise/frame.ts';
import { encryptMessage } from '../pairwise/messages.ts';
import { receiveFrame, type Received } from '../pairwise/receive.ts';
import { decodeSession, decodeTable, encodeSession, encodeTable } from '../pairwise/record.ts';
import { ephemeralHash, openSession, type Session } from '../pairwise/session.ts';
import {
  isAnswered,
  makeSessionError,
  sessionErrorSid,
  takeSessionError,
} from '../pairwise/session-error.ts';
import { currentEntry, EMPTY_TABLE, enterOpened, requireMayOpen, type PeerTable } from '../pairwise/table.ts';
import { verifyBundle, type ClaimedKeys } from '../prekeys/bundle.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { fromUtf8, toHex, utf8 } from '../primitives/bytes.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { NAMESPACE, PAIRWISE_ALGORITHM } from '../primitives/names.ts';
import { noteBoundSession } from './link-state.ts';
import { deviceName, type Op } from './op.ts';
import {
  destroyOneTime,
  isEphemeralSeen,
  oneTimePrekey,
  rememberEphemeral,
  signedPrekey,
} from './prekey-store.ts';
import { USERS } from './tables.ts';

const SESSIONS: Table<Session> = {
  name: 'sessions',
  encode: encodeSession,
  decode: decodeSession,
  cached: false,
};
const PEERS: Table<PeerTable> = { name: 'peers', encode: encodeTable, decode: decodeTable, cached: false };

export const SESSION_ERROR_TYPE = `${NAMESPACE}.session_error`;
/** An inner event that only turns the ratchet. */
const EMPTY = new Uint8Array(0);

export type InnerEvent = { readonly type: string; readonly content: Readonly<Record<string, unknown>> };
/** Content of a to-device `m.room.encrypted` event for one device. */
export type PairwiseContent = {
  readonly algorithm: string;
  readonly sender_key: string;
  readonly ciphertext: Readonly<Record<string, { readonly type: 0 | 1; readonly body: string }>>;
};

/** A peer of the pairwise layer out of a device list. */
export const peerOf = (userId: string, device: DeviceRecord): PeerDevice => ({
  userId,
  deviceId: device.deviceId,
  ed25519: fromBase64(device.ed25519),
  x25519: fromBase64(device.curve25519),
});

const peerName = (peer: PeerDevice): string => deviceName(peer.userId, peer.deviceId);
/** Bound to the peer's key: a device id that comes back with other keys is another device. */
const tableName = (peer: PeerDevice): string => `${peerName(peer)}|${toBase64(peer.x25519)}`;
const sessionName = (peer: PeerDevice, sid: string): string => `${tableName(peer)}|${sid}`;
const peerTable = (op: Op, peer: PeerDevice): PeerTable => op.tx.get(PEERS, tableName(peer)) ?? EMPTY_TABLE;

/** Whether we can write to a device without a claim. */
export const hasSession = (op: Op, peer: PeerDevice): boolean =>
  currentEntry(peerTable(op, peer)) !== undefined;

/** Encrypts for one device; undefined when there is no session with it. The session's next state is in the transaction. */
export function sealFor(
  op: Op,
  peer: PeerDevice,
  inner: InnerEvent | undefined,
): PairwiseContent | undefined {
  const entry = currentEntry(peerTable(op, peer));
  const session = entry === undefined ? undefined : op.tx.get(SESSIONS, sessionName(peer, entry.sid));
  if (session === undefined) return undefined;
  const content = inner === undefined ? EMPTY : utf8(JSON.stringify(inner));
  const sent = encryptMessage({ local: op.self, session, content, now: op.now, random: op.random });
  op.tx.put(SESSIONS, sessionName(peer, toHex(session.sid)), sent.session);
  op.retired.push(...sent.retired);
  return {
    algorithm: PAIRWISE_ALGORITHM,
    sender_key: toBase64(op.self.x25519.public),
    ciphertext: { [toBase64(peer.x25519)]: { type: sent.type, body: toBase64(sent.frame) } },
  };
}

/** Whether a new session may be started now (one an hour per device). */
export function mayOpen(op: Op, peer: PeerDevice): boolean {
  try {
    requireMayOpen(peerTable(op, peer), op.now);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a session from claimed keys. `binding` ties it to a secret both sides know already (linking a device).
 * @throws PrekeyError, PairwiseError, PrimitiveError on a bundle that does not hold
 */
export function openFromClaim(op: Op, peer: PeerDevice, claimed: ClaimedKeys, binding?: Uint8Array): Session {
  const table = peerTable(op, peer);
  // Linking is the user's own doing, and the new device may just have been talked to.
  if (binding === undefined) requireMayOpen(table, op.now);
  const bundle = verifyBundle({
    device: peer,
    claimed,
    now: op.now,
    newestSignedDay: table.newestSignedDay,
  });
  const bound = binding === undefined ? {} : { binding };
  const session = openSession({ local: op.self, peer, bundle, now: op.now, random: op.random, ...bound });
  const entered = enterOpened(table, toHex(session.sid), op.now, bundle.signed.createdDay);
  op.tx.put(SESSIONS, sessionName(peer, toHex(session.sid)), session);
  op.tx.put(PEERS, tableName(peer), entered.table);
  for (const sid of entered.dropped) op.tx.delete(SESSIONS, sessionName(peer, sid));
  return session;
}

const contentSchema = z.object({
  algorithm: z.literal(PAIRWISE_ALGORITHM),
  sender_key: z.string().check(z.length(43)),
  ciphertext: z.record(
    z.string(),
    z.object({ type: z.number(), body: z.string().check(z.maxLength(70_000)) }),
  ),
});

export type OpenedFrame =
  | {
      readonly kind: 'event';
      readonly device: DeviceRecord;
      readonly inner: InnerEvent;
      /** Secret-bound proof material of this session's handshake. */
      readonly session: Session;
      readonly answer: Received['answer'];
    }
  /** Turned the ratchet, or was an empty answer. */
  | { readonly kind: 'empty'; readonly device: DeviceRecord; readonly answer: Received['answer'] }
  /** The sender's device is not known (yet): fetch its devices and keep the frame. */
  | { readonly kind: 'unknown-device' }
  /** Could not be read; `error` goes back to the sender, if there is one. */
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly error?: { readonly device: DeviceRecord; readonly content: Readonly<Record<string, unknown>> };
    };

const innerSchema = z.object({
  type: z.string().check(z.maxLength(255)),
  content: z.record(z.string(), z.unknown()),
});

/**
 * Opens a to-device frame from `sender`. Everything it changes, the destruction of the one-time prekey included, is in
 * the transaction.
 */
export function openFrame(op: Op, sender: string, content: unknown, binding?: Uint8Array): OpenedFrame {
  const parsed = contentSchema.safeParse(content);
  if (!parsed.success) return { kind: 'refused', code: 'MALFORMED' };
  const body = parsed.data.ciphertext[toBase64(op.self.x25519.public)]?.body;
  if (body === undefined) return { kind: 'refused', code: 'NOT_FOR_US' };
  const device = Object.values(op.tx.get(USERS, sender)?.devices ?? {}).find(
    (candidate) => candidate.curve25519 === parsed.data.sender_key,
  );
  if (device === undefined) return { kind: 'unknown-device' };
  const peer = peerOf(sender, device);
  let frame: Frame;
  try {
    frame = decodeFrame(fromBase64(body));
  } catch (error) {
    return refused(error);
  }
  const table = peerTable(op, peer);
  try {
    const known = op.tx.get(SESSIONS, sessionName(peer, toHex(frame.sid))) !== undefined;
    const received = receive(op, peer, frame, table, binding);
    if (binding !== undefined && !known) noteBoundSession(op, frame.sid);
    return accept(op, device, peer, received);
  } catch (error) {
    const reply = isAnswered(error) ? makeSessionError(op.self, peer, frame, table, op.now) : undefined;
    if (reply === undefined) return refused(error);
    op.tx.put(PEERS, tableName(peer), reply.table);
    return { ...refused(error), error: { device, content: reply.content } };
  }
}

function receive(op: Op, peer: PeerDevice, frame: Frame, table: PeerTable, binding?: Uint8Array): Received {
  const { hello } = frame;
  const signed = hello === undefined ? undefined : signedPrekey(op, hello.signedPrekeyId);
  const oneTime = hello?.oneTimePrekeyId === undefined ? undefined : oneTimePrekey(op, hello.oneTimePrekeyId);
  return receiveFrame({
    local: op.self,
    peer,
    frame,
    table,
    session: op.tx.get(SESSIONS, sessionName(peer, toHex(frame.sid))),
    signed,
    oneTime,
    ephemeralSeen: hello !== undefined && isEphemeralSeen(op, toHex(ephemeralHash(hello))),
    now: op.now,
    ...(binding === undefined ? {} : { binding }),
  });
}

function accept(op: Op, device: DeviceRecord, peer: PeerDevice, received: Received): OpenedFrame {
  const { commit, content, answer } = received;
  op.tx.put(SESSIONS, sessionName(peer, toHex(commit.session.sid)), commit.session);
  if (commit.table !== undefined) op.tx.put(PEERS, tableName(peer), commit.table);
  for (const sid of commit.dropped) op.tx.delete(SESSIONS, sessionName(peer, sid));
  if (commit.destroyOneTime !== undefined) destroyOneTime(op, commit.destroyOneTime);
  const remember = commit.rememberEphemeral;
  if (remember !== undefined) rememberEphemeral(op, toHex(remember.hash), remember.signedPrekeyId);
  op.retired.push(...commit.retired);
  if (content.length === 0) return { kind: 'empty', device, answer };
  let json: unknown;
  try {
    json = JSON.parse(fromUtf8(content));
  } catch {
    return { kind: 'empty', device, answer };
  }
  const inner = innerSchema.safeParse(json);
  if (!inner.success) return { kind: 'empty', device, answer };
  return { kind: 'event', device, inner: inner.data, session: commit.session, answer };
}

/** A peer says it cannot read our session: archives it, so that the next message starts a fresh one. */
export function receiveSessionError(op: Op, sender: string, content: unknown): void {
  for (const device of Object.values(op.tx.get(USERS, sender)?.devices ?? {})) {
    const peer = peerOf(sender, device);
    try {
      const session = op.tx.get(SESSIONS, sessionName(peer, sessionErrorSid(content)));
      if (session === undefined) continue;
      const table = takeSessionError(op.self, peer, content, session, peerTable(op, peer));
      op.tx.put(PEERS, tableName(peer), table);
    } catch (error) {
      // Not signed by this device, or old: nothing changes.
      if (!isCryptoError(error)) throw error;
    }
  }
}

function refused(error: unknown): { readonly kind: 'refused'; readonly code: string } {
  if (!isCryptoError(error)) throw error;
  return { kind: 'refused', code: error.code };
}
