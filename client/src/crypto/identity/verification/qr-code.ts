/** The payload of a verification QR code (spec: "QR code format"). */
import { fromUtf8, utf8 } from '../../primitives/bytes.ts';
import { Reader, Writer } from '../../primitives/codec.ts';
import { CryptoError, isCryptoError } from '../../primitives/errors.ts';

const MAGIC = utf8('MATRIX');
const VERSION = 2;
const KEY_BYTES = 32;
const MIN_SECRET_BYTES = 8;
const MAX_SECRET_BYTES = 128;

/** The code is not one of a verification, or not for us. */
export class QrError extends CryptoError<'BAD_QR'> {}

export type QrCode = {
  /**
   * 0: another user. 1: own user, shown by a device that trusts the master key. 2: own user, shown by one that does
   * not yet.
   */
  readonly mode: 0 | 1 | 2;
  readonly transactionId: string;
  /** Modes 0 and 1: the shower's master key. Mode 2: its device key. */
  readonly first: Uint8Array;
  /** What the shower takes for: 0 the other user's master key, 1 the other device's key, 2 the own master key. */
  readonly second: Uint8Array;
  readonly secret: Uint8Array;
};

export const encodeQr = ({ mode, transactionId, first, second, secret }: QrCode): Uint8Array => {
  const id = utf8(transactionId);
  const writer = new Writer(256).fixed(MAGIC).u8(VERSION).u8(mode).u16(id.length).fixed(id);
  return writer.fixed(first).fixed(second).fixed(secret).finish();
};

/** @throws QrError */
export const decodeQr = (payload: Uint8Array): QrCode => {
  try {
    const reader = new Reader(payload);
    const magic = fromUtf8(reader.fixed(MAGIC.length));
    const version = reader.u8();
    const mode = reader.u8();
    if (magic !== 'MATRIX' || version !== VERSION || (mode !== 0 && mode !== 1 && mode !== 2))
      throw new QrError('BAD_QR', 'not a verification code');
    const transactionId = fromUtf8(reader.fixed(reader.u16()));
    const first = reader.fixed(KEY_BYTES);
    const second = reader.fixed(KEY_BYTES);
    const secret = reader.rest();
    if (secret.length < MIN_SECRET_BYTES || secret.length > MAX_SECRET_BYTES)
      throw new QrError('BAD_QR', 'secret');
    return { mode, transactionId, first, second, secret };
  } catch (error) {
    if (error instanceof QrError || !isCryptoError(error)) throw error;
    throw new QrError('BAD_QR', error.code);
  }
};
