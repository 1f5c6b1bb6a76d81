import { CryptoError } from '../primitives/errors.ts';

/** Why the ratchet refused a frame or could not make one. The state is unchanged in every case. */
export class RatchetError extends CryptoError<
  /** The counter was received before, or its key has expired: a duplicate or a replay. */
  | 'MESSAGE_KEY_USED'
  /** The counter is more than MAX_JUMP ahead. */
  | 'JUMP_TOO_FAR'
  /** A new ratchet key although ours has not been sent since the last: from nowhere, or older than every kept chain. */
  | 'UNEXPECTED_RATCHET_KEY'
  /** The counter is past the length that the peer gave its chain when it left it. */
  | 'PAST_CHAIN_END'
  /** MAX_CHAIN_LENGTH frames without an answer. */
  | 'CHAIN_EXHAUSTED'
> {}
