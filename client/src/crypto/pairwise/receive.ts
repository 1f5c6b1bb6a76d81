import { toHex } from '../primitives/bytes.ts';
import { type Secret, wipeAll } from '../primitives/secret.ts';
import type { OneTimePrekey, SignedPrekey } from '../prekeys/types.ts';
import type { LocalDevice, PeerDevice } from './device.ts';
import { PairwiseError } from './errors.ts';
import type { Frame, Hello } from './frame.ts';
import { decryptMessage } from './messages.ts';
import { acceptSession, ephemeralHash, type Session, sessionSecrets } from './session.ts';
import { enterAccepted, type PeerTable, useSession } from './table.ts';

/** Frames received on one session before the engine sends an empty answer, so that the ratchet turns. */
export const ANSWER_AFTER = 50;

/**
 * What the caller looked up for a decoded frame. It names the outer sender's device, already checked against its
 * signed `device_keys`; sender and `sender_key` of the event only select it.
 */
export type ReceiveInput = {
  readonly local: LocalDevice;
  readonly peer: PeerDevice;
  readonly frame: Frame;
  readonly table: PeerTable;
  /** The session with this peer whose id is `frame.sid`. */
  readonly session: Session | undefined;
  /** Those that the frame's hello names; left out when they are not held (any more). */
  readonly signed?: SignedPrekey | undefined;
  readonly oneTime?: OneTimePrekey | undefined;
  /** Whether `ephemeralHash(hello)` was remembered from an earlier handshake. */
  readonly ephemeralSeen?: boolean;
  readonly binding?: Uint8Array;
  readonly now: number;
};

/** Everything that one received frame changes: one transaction, committed before the content is acted upon. */
export type ReceiveCommit = {
  readonly session: Session;
  /** Undefined when unchanged. */
  readonly table: PeerTable | undefined;
  /** Hexadecimal ids of sessions to delete. */
  readonly dropped: readonly string[];
  /** The one-time prekey to destroy for good. */
  readonly destroyOneTime: number | undefined;
  /** Remember for as long as that signed prekey lives. */
  readonly rememberEphemeral: { readonly hash: Uint8Array; readonly signedPrekeyId: number } | undefined;
  /** To be wiped after the commit. */
  readonly retired: readonly Secret[];
};

export type Received = {
  /** The inner event's JSON; empty when the frame only turns the ratchet. */
  readonly content: Uint8Array;
  readonly commit: ReceiveCommit;
  /** Whether the engine should send an empty answer: "now" after a handshake without a one-time prekey. */
  readonly answer: 'now' | 'later' | undefined;
};

const receiveOn = (input: ReceiveInput, session: Session): Received => {
  const { local, frame, table, now } = input;
  const { session: next, content, newest, retired } = decryptMessage({ local, session, frame, now });
  const used = newest ? useSession(table, toHex(frame.sid)) : table;
  return {
    content,
    commit: {
      session: next,
      table: used === table ? undefined : used,
      dropped: [],
      destroyOneTime: undefined,
      rememberEphemeral: undefined,
      retired,
    },
    answer: next.unanswered >= ANSWER_AFTER ? 'later' : undefined,
  };
};

const requirePrekeys = (
  { signed, oneTime, ephemeralSeen }: ReceiveInput,
  hello: Hello,
): { signed: SignedPrekey; oneTime: OneTimePrekey | undefined } => {
  if (signed?.id !== hello.signedPrekeyId) throw new PairwiseError('UNKNOWN_SIGNED_PREKEY');
  if (hello.oneTimePrekeyId === undefined) {
    if (ephemeralSeen) throw new PairwiseError('REPLAYED_HANDSHAKE');
    return { signed, oneTime: undefined };
  }
  if (oneTime?.id !== hello.oneTimePrekeyId) throw new PairwiseError('UNKNOWN_ONE_TIME_PREKEY');
  return { signed, oneTime };
};

const receiveHello = (input: ReceiveInput, hello: Hello): Received => {
  const { local, peer, frame, table, now } = input;
  const { signed, oneTime } = requirePrekeys(input, hello);
  const binding = input.binding === undefined ? {} : { binding: input.binding };
  const fresh = acceptSession({ local, peer, frame, hello, signed, oneTime, now, ...binding });
  try {
    const { session, content, retired } = decryptMessage({ local, session: fresh, frame, now });
    const { table: entered, dropped } = enterAccepted(table, toHex(frame.sid));
    const spent = oneTime === undefined ? [] : [oneTime.keys.secret];
    return {
      content,
      commit: {
        session,
        table: entered,
        dropped,
        destroyOneTime: oneTime?.id,
        rememberEphemeral:
          oneTime === undefined ? { hash: ephemeralHash(hello), signedPrekeyId: signed.id } : undefined,
        retired: [...retired, ...spent],
      },
      answer: oneTime === undefined ? 'now' : 'later',
    };
  } catch (error) {
    wipeAll(sessionSecrets(fresh));
    throw error;
  }
};

/**
 * Receives a frame: on the session it names, or by accepting the handshake it carries. Verifies and decrypts first;
 * only the commit it returns destroys a one-time prekey, in the same transaction as the new session.
 *
 * @throws FrameError, PairwiseError, RatchetError, PrimitiveError; nothing has changed then. For those that
 *   `isAnswered` names see `session-error.ts`.
 */
export const receiveFrame = (input: ReceiveInput): Received => {
  const { session, frame } = input;
  if (session !== undefined) return receiveOn(input, session);
  if (frame.hello === undefined) throw new PairwiseError('UNKNOWN_SESSION');
  return receiveHello(input, frame.hello);
};
