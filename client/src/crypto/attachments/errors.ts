import { CryptoError } from '../primitives/errors.ts';

/** Why a file could not be encrypted or was refused. Nothing of a refused file is handed out. */
export class AttachmentError extends CryptoError<
  /** Larger than MAX_ATTACHMENT_BYTES, or than its description may be. */
  | 'ATTACHMENT_TOO_LARGE'
  /** The description is not one that `encryptAttachment` makes. */
  | 'BAD_DESCRIPTION'
  /** The file is not as long as its description says. */
  | 'WRONG_LENGTH'
  /** The ciphertext is not the one that was described. */
  | 'WRONG_HASH'
  /** A chunk does not authenticate, or the padding is not empty. */
  | 'TAMPERED'
> {}
