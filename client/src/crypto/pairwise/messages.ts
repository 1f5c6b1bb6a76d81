import type { Random } from '../primitives/random.ts';
import type { Secret } from '../primitives/secret.ts';
import { ratchetReceive, ratchetSend } from '../ratchet/ratchet.ts';
import { type LocalDevice, publicDevice } from './device.ts';
import { openEnvelope, sealEnvelope } from './envelope.ts';
import { encodeFrame, encodeHeader, type Frame } from './frame.ts';
import { RATCHET_LABELS } from './labels.ts';
import { prepareSend, takeRefresh } from './refresh.ts';
import { frameAad, retiredSessionSecrets, type Session } from './session.ts';

export type EncryptInput = {
  readonly local: LocalDevice;
  readonly session: Session;
  /** The inner event's JSON; empty for an answer that only turns the ratchet. */
  readonly content: Uint8Array;
  readonly now: number;
  readonly random: Random;
};

export type Encrypted = {
  /** To be committed before the frame leaves the device. */
  readonly session: Session;
  readonly frame: Uint8Array;
  /** 0 while the handshake is unanswered, then 1: the `type` beside the body in `m.room.encrypted`. */
  readonly type: 0 | 1;
  /** To be wiped once the session is committed. */
  readonly retired: readonly Secret[];
};

/** Encrypts one message. @throws RatchetError CHAIN_EXHAUSTED, PrimitiveError TOO_LONG */
export const encryptMessage = ({ local, session, content, now, random }: EncryptInput): Encrypted => {
  const prepared = prepareSend(session, now, random);
  const { next: ratchet, header, messageKey } = ratchetSend(prepared.ratchet);
  const { refresh, hello } = prepared;
  const headerBytes = encodeHeader(session.sid, hello, header);
  const envelope = {
    sender: publicDevice(local),
    recipient: session.peer,
    offer: refresh.offer?.public,
    answer: refresh.answer,
    content,
  };
  try {
    const ciphertext = sealEnvelope(messageKey, frameAad(headerBytes, session), envelope);
    const next: Session = {
      ...prepared,
      ratchet,
      refresh: { ...refresh, messages: refresh.messages + 1 },
      unanswered: 0,
    };
    return {
      session: next,
      frame: encodeFrame(headerBytes, ciphertext),
      type: hello === undefined ? 1 : 0,
      retired: retiredSessionSecrets(session, next),
    };
  } finally {
    messageKey.wipe();
  }
};

export type DecryptInput = {
  readonly local: LocalDevice;
  readonly session: Session;
  readonly frame: Frame;
  readonly now: number;
};

export type Decrypted = {
  readonly session: Session;
  readonly content: Uint8Array;
  /** The frame belongs to the peer's newest chain: this session is the one it sends on. */
  readonly newest: boolean;
  readonly retired: readonly Secret[];
};

/**
 * Decrypts one frame of a session. On any error `session` stays as good as it was.
 *
 * @throws RatchetError; PairwiseError IDENTITY_MISMATCH, BAD_ENVELOPE; PrimitiveError AUTHENTICATION_FAILED,
 *   LOW_ORDER_POINT
 */
export const decryptMessage = ({ local, session, frame, now }: DecryptInput): Decrypted => {
  const aad = frameAad(frame.header, session);
  const mixPending = session.ratchet.mixOnReceive !== undefined;
  const opened = ratchetReceive(session.ratchet, frame.ratchet, now, RATCHET_LABELS, (messageKey) =>
    openEnvelope(messageKey, aad, frame.ciphertext, session.peer, publicDevice(local)),
  );
  const { output: envelope, turned, newest } = opened;
  const received: Session = {
    ...session,
    ratchet: opened.next,
    hello: undefined,
    unanswered: session.unanswered + 1,
  };
  const next = takeRefresh(received, { envelope, turned, newest, mixed: turned && mixPending }, now);
  return { session: next, content: envelope.content, newest, retired: retiredSessionSecrets(session, next) };
};
