import { Reader, Writer } from '../primitives/codec.ts';
import { CodecError } from '../primitives/errors.ts';
import { ML_KEM_CIPHERTEXT_BYTES } from '../primitives/ml-kem.ts';
import { Secret } from '../primitives/secret.ts';
import { XWING_CIPHERTEXT_BYTES, XWING_PUBLIC_BYTES, XWING_SECRET_BYTES } from '../primitives/xwing.ts';
import { readRatchet, writeRatchet } from '../ratchet/record.ts';
import { SESSION_ID_BYTES } from '../x3dh/x3dh.ts';
import { MAX_ID_BYTES, type PeerDevice, writeIdentity } from './device.ts';
import type { Hello } from './frame.ts';
import type { RefreshState, Session } from './session.ts';
import { MAX_SESSIONS, type PeerTable, type SessionEntry } from './table.ts';

/**
 * Binary records for the vault: a version byte, then fixed fields. A session's record holds its secrets: encrypt it,
 * then zero it. Reading is strict and copies, so the input can be zeroed at once.
 */

const VERSION = 1;

const open = (bytes: Uint8Array): Reader => {
  const reader = new Reader(bytes);
  if (reader.u8() !== VERSION) throw new CodecError('UNKNOWN_VERSION');
  return reader;
};

const readDevice = (reader: Reader): PeerDevice => ({
  userId: reader.text(MAX_ID_BYTES),
  deviceId: reader.text(MAX_ID_BYTES),
  ed25519: reader.fixed(32),
  x25519: reader.fixed(32),
});

const writeHello = (writer: Writer, hello: Hello): void => {
  writer.fixed(hello.identity).fixed(hello.signing).fixed(hello.ephemeral);
  writer
    .u32(hello.signedPrekeyId)
    .u32(hello.oneTimePrekeyId ?? 0)
    .fixed(hello.kemCiphertext);
};

const readHello = (reader: Reader): Hello => {
  const identity = reader.fixed(32);
  const signing = reader.fixed(32);
  const ephemeral = reader.fixed(32);
  const signedPrekeyId = reader.u32();
  const oneTime = reader.u32();
  return {
    identity,
    signing,
    ephemeral,
    signedPrekeyId,
    oneTimePrekeyId: oneTime === 0 ? undefined : oneTime,
    kemCiphertext: reader.fixed(ML_KEM_CIPHERTEXT_BYTES),
  };
};

const writeRefresh = (writer: Writer, refresh: RefreshState): void => {
  writer.u64(refresh.since).u32(refresh.messages).u32(refresh.completed);
  writer.optional(refresh.offer, (w, offer) => w.fixed(offer.secret.expose()).fixed(offer.public));
  writer.optional(refresh.peerOffer, (w, offer) => w.fixed(offer));
  writer.optional(refresh.answer, (w, answer) => w.fixed(answer));
};

const readRefresh = (reader: Reader): RefreshState => ({
  since: reader.u64(),
  messages: reader.u32(),
  completed: reader.u32(),
  offer: reader.optional((r) => ({
    secret: Secret.take('x-wing', r.fixed(XWING_SECRET_BYTES)),
    public: r.fixed(XWING_PUBLIC_BYTES),
  })),
  peerOffer: reader.optional((r) => r.fixed(XWING_PUBLIC_BYTES)),
  answer: reader.optional((r) => r.fixed(XWING_CIPHERTEXT_BYTES)),
});

/** A session as bytes. */
export const encodeSession = (session: Session): Uint8Array => {
  const writer = new Writer(1024)
    .u8(VERSION)
    .fixed(session.sid)
    .flag(session.role === 'initiator');
  writeIdentity(writer, session.peer).fixed(session.peer.x25519);
  writer
    .fixed(session.transcript)
    .fixed(session.confirm.expose())
    .u64(session.createdAt)
    .u32(session.unanswered);
  writer.optional(session.hello, writeHello);
  writeRefresh(writer, session.refresh);
  writeRatchet(writer, session.ratchet);
  return writer.finish();
};

/** Inverse of `encodeSession`. @throws CodecError */
export const decodeSession = (bytes: Uint8Array): Session => {
  const reader = open(bytes);
  const sid = reader.fixed(SESSION_ID_BYTES);
  const role = reader.flag() ? 'initiator' : 'responder';
  const peer = readDevice(reader);
  const transcript = reader.fixed(32);
  const confirm = Secret.take('confirm', reader.fixed(16));
  const createdAt = reader.u64();
  const unanswered = reader.u32();
  const hello = reader.optional(readHello);
  const refresh = readRefresh(reader);
  const ratchet = readRatchet(reader);
  reader.end();
  return { sid, role, peer, transcript, confirm, createdAt, unanswered, hello, refresh, ratchet };
};

const STATES = ['pending', 'open', 'archived'] as const;
const MAX_ERRORS = 8;

/** A peer table as bytes. It holds no secret, but says who talks to whom: the vault encrypts it as well. */
export const encodeTable = (table: PeerTable): Uint8Array =>
  new Writer(256)
    .u8(VERSION)
    .list(table.entries, (w, { sid, state }) => w.text(sid).u8(STATES.indexOf(state)))
    .optional(table.openedAt, (w, at) => w.u64(at))
    .u32(table.newestSignedDay)
    .list(table.errorsSent, (w, { sid, at }) => w.text(sid).u64(at))
    .finish();

const readSid = (reader: Reader): string => {
  const sid = reader.text(2 * SESSION_ID_BYTES);
  if (!/^[0-9a-f]{32}$/.test(sid)) throw new CodecError('BAD_VALUE', 'session id');
  return sid;
};

const readEntry = (reader: Reader): SessionEntry => {
  const sid = readSid(reader);
  const state = STATES[reader.u8()];
  if (state === undefined) throw new CodecError('BAD_VALUE', 'session state');
  return { sid, state };
};

/** Inverse of `encodeTable`. @throws CodecError */
export const decodeTable = (bytes: Uint8Array): PeerTable => {
  const reader = open(bytes);
  const table: PeerTable = {
    entries: reader.list(MAX_SESSIONS, readEntry),
    openedAt: reader.optional((r) => r.u64()),
    newestSignedDay: reader.u32(),
    errorsSent: reader.list(MAX_ERRORS, (r) => ({ sid: readSid(r), at: r.u64() })),
  };
  reader.end();
  return table;
};
