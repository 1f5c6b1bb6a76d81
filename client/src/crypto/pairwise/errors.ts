import { CryptoError } from '../primitives/errors.ts';

/** A frame that is not in the one canonical form of e2ee.md, section 2. */
export class FrameError extends CryptoError<
  'TRUNCATED_FRAME' | 'UNKNOWN_FRAME_VERSION' | 'UNKNOWN_FRAME_TYPE' | 'BAD_KEM_CIPHERTEXT' | 'FRAME_TOO_LONG'
> {}

/** Why a pairwise message was refused or could not be sent. Nothing has changed when one is thrown. */
export class PairwiseError extends CryptoError<
  /** No session has this id. Answer with a session error (`session-error.ts`). */
  | 'UNKNOWN_SESSION'
  /** The handshake names a signed prekey that we no longer hold, or never did. Answer with a session error. */
  | 'UNKNOWN_SIGNED_PREKEY'
  /** The handshake names a one-time prekey that is spent or never was. Answer with a session error. */
  | 'UNKNOWN_ONE_TIME_PREKEY'
  /** A handshake without a one-time prekey whose ephemeral key was seen before. */
  | 'REPLAYED_HANDSHAKE'
  /** The handshake's identity keys are not those of the device that the outer event names. */
  | 'SENDER_MISMATCH'
  /**
   * The session id is not the one that the handshake derives: some field was changed on the way, or it is bound to
   * another secret. Answer with a session error, so that the peer does not go on with a session that never opens.
   */
  | 'SESSION_ID_MISMATCH'
  /** The identities inside the plaintext are not those of the session: a relayed or reflected message. */
  | 'IDENTITY_MISMATCH'
  /** The plaintext is not an envelope, though authenticated: the peer is broken. */
  | 'BAD_ENVELOPE'
  /** A session of ours to ourselves. */
  | 'SAME_DEVICE'
  /** The session is archived: it may still decrypt what is in flight, and sends nothing. */
  | 'SESSION_ARCHIVED'
  /** A new session to this device was started less than an hour ago. */
  | 'SESSION_RATE_LIMITED'
  /** A session error that is not signed by the peer's device, or names another session or moment. */
  | 'BAD_SESSION_ERROR'
> {}
