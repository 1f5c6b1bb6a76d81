import { CryptoError } from '../primitives/errors.ts';

/** Why a group message or an epoch was not accepted. Nothing changed when one of these is thrown. */
export class GroupError extends CryptoError<
  | 'MALFORMED'
  | 'UNSUPPORTED_VERSION'
  | 'COMMITMENT_MISMATCH'
  | 'OUT_OF_BOUNDS'
  | 'AUTHENTICATION_FAILED'
  | 'HEADER_MISMATCH'
  | 'BAD_SIGNATURE'
  | 'TOO_LARGE'
> {}
