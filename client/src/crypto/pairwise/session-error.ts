import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { equalBytes, toHex } from '../primitives/bytes.ts';
import { Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { ed25519Sign, ed25519Verify } from '../primitives/ed25519.ts';
import { type LocalDevice, type PeerDevice, publicDevice, writeIdentity } from './device.ts';
import { PairwiseError } from './errors.ts';
import type { Frame } from './frame.ts';
import { SESSION_ERROR_LABEL } from './labels.ts';
import type { Session } from './session.ts';
import { archiveSession, type PeerTable, rememberError } from './table.ts';

/**
 * Content of the to-device event `chat.nyx.session_error`: "I cannot read your session `sid`, last seen with ratchet
 * key `dh`". In clear, signed by the device, and of no use to anyone but the peer that sent such a frame.
 */
export type SessionErrorContent = { readonly sid: string; readonly dh: string; readonly signature: string };

const SID_BYTES = 16;
const DH_BYTES = 32;

const signedBytes = (from: PeerDevice, to: PeerDevice, sid: Uint8Array, dh: Uint8Array): Uint8Array => {
  const writer = new Writer(512).text(SESSION_ERROR_LABEL);
  return writeIdentity(writeIdentity(writer, from), to).fixed(sid).fixed(dh).finish();
};

const ANSWERED = new Set([
  'UNKNOWN_SESSION',
  'UNKNOWN_SIGNED_PREKEY',
  'UNKNOWN_ONE_TIME_PREKEY',
  'SESSION_ID_MISMATCH',
]);

/** Whether an error of `receiveFrame` is one to answer. */
export const isAnswered = (error: unknown): boolean =>
  error instanceof PairwiseError && ANSWERED.has(error.code);

/**
 * The answer to a frame that no session of ours can read, with the table that remembers it; undefined when this
 * session was answered within the hour, or too many were.
 */
export const makeSessionError = (
  local: LocalDevice,
  peer: PeerDevice,
  frame: Frame,
  table: PeerTable,
  now: number,
): { readonly content: SessionErrorContent; readonly table: PeerTable } | undefined => {
  const remembered = rememberError(table, toHex(frame.sid), now);
  if (remembered === undefined) return undefined;
  const { dh } = frame.ratchet;
  const signature = ed25519Sign(local.ed25519.secret, signedBytes(publicDevice(local), peer, frame.sid, dh));
  const content = { sid: toBase64(frame.sid), dh: toBase64(dh), signature: toBase64(signature) };
  return { content, table: remembered };
};

const field = (content: unknown, name: string, length: number): Uint8Array => {
  const value: unknown =
    typeof content === 'object' && content !== null && Object.hasOwn(content, name)
      ? (content as Readonly<Record<string, unknown>>)[name]
      : undefined;
  if (typeof value !== 'string' || value.length > 2 * length)
    throw new PairwiseError('BAD_SESSION_ERROR', name);
  try {
    const bytes = fromBase64(value);
    if (bytes.length === length) return bytes;
  } catch (error) {
    if (!isCryptoError(error)) throw error;
  }
  throw new PairwiseError('BAD_SESSION_ERROR', name);
};

/** The session id that a session error names (hexadecimal), to look the session up. @throws BAD_SESSION_ERROR */
export const sessionErrorSid = (content: unknown): string => toHex(field(content, 'sid', SID_BYTES));

/**
 * Takes a session error from `peer` about `session`: checks the signature, and that `dh` is the ratchet key the session
 * sends with now, so that an old error cannot end a session that has moved on. The table it returns has the session
 * archived; a fresh handshake follows when `requireMayOpen` allows one.
 *
 * @throws PairwiseError BAD_SESSION_ERROR
 */
export const takeSessionError = (
  local: LocalDevice,
  peer: PeerDevice,
  content: unknown,
  session: Session,
  table: PeerTable,
): PeerTable => {
  const sid = field(content, 'sid', SID_BYTES);
  const dh = field(content, 'dh', DH_BYTES);
  const signature = field(content, 'signature', 64);
  if (!equalBytes(sid, session.sid)) throw new PairwiseError('BAD_SESSION_ERROR', 'sid');
  if (!equalBytes(dh, session.ratchet.own.public))
    throw new PairwiseError('BAD_SESSION_ERROR', 'not current');
  if (!ed25519Verify(peer.ed25519, signedBytes(peer, publicDevice(local), sid, dh), signature))
    throw new PairwiseError('BAD_SESSION_ERROR', 'signature');
  return archiveSession(table, toHex(sid));
};
