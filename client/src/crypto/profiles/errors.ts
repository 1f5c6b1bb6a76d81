import { CryptoError } from '../primitives/errors.ts';

/** Why a profile, a key or a code of one was refused. Nothing of what is refused is handed out. */
export class ProfileError extends CryptoError<
  /** Not in the form that is written here. */
  | 'MALFORMED'
  /** Sealed under another version of the key than the one at hand. */
  | 'OTHER_VERSION'
  /** Does not open: changed, cut, or made for somebody else. */
  | 'TAMPERED'
  /** Opens, and was not signed by its owner. */
  | 'NOT_SIGNED'
  /** Name, text and picture together do not fit. */
  | 'TOO_LARGE'
> {}
