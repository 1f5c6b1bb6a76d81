import { CryptoError } from '../primitives/errors.ts';

/** Why a prekey or a claimed bundle was refused. */
export class PrekeyError extends CryptoError<
  /** Not the documented shape, or not its canonical encoding. */
  | 'MALFORMED_PREKEY'
  /** Not signed by the device it is said to belong to. */
  | 'BAD_PREKEY_SIGNATURE'
  /** The id in the key's name is not the one that is signed. */
  | 'PREKEY_ID_MISMATCH'
  /** The claim brought no signed prekey: the device cannot be written to. */
  | 'NO_SIGNED_PREKEY'
  /** A signed prekey from the future, or older than one that this device has shown before. */
  | 'SIGNED_PREKEY_OUT_OF_ORDER'
> {}
