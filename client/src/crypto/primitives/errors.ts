/**
 * Base of every error the crypto engine throws. `code` is stable and safe to show or log; neither it nor the
 * message ever holds key material or plaintext.
 */
export abstract class CryptoError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, detail?: string) {
    super(detail === undefined ? code : `${code}: ${detail}`);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Failures of the primitives themselves: bad sizes, bad points, failed authentication. */
export class PrimitiveError extends CryptoError<
  | 'SODIUM_NOT_READY'
  | 'SODIUM_UNAVAILABLE'
  | 'BAD_LENGTH'
  | 'LOW_ORDER_POINT'
  | 'INVALID_PUBLIC_KEY'
  | 'INVALID_SECRET_KEY'
  | 'AUTHENTICATION_FAILED'
  | 'PRIMITIVE_FAILED'
  | 'SECRET_WIPED'
  | 'BAD_BASE64'
  | 'BAD_HEX'
  | 'BAD_PADDING'
  | 'TOO_LONG'
> {}

/** Failures of the binary codec: a record or frame that is not in its one canonical form. */
export class CodecError extends CryptoError<
  'TRUNCATED' | 'TRAILING_BYTES' | 'FIELD_TOO_LONG' | 'BAD_VALUE' | 'BAD_UTF8' | 'UNKNOWN_VERSION'
> {}

/** Whether an error is one of the engine's own, with a code to act upon. */
export const isCryptoError = (error: unknown): error is CryptoError => error instanceof CryptoError;
