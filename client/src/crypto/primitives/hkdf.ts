import { PrimitiveError } from './errors.ts';
import { requireLength, requireZero, withScratch } from './sodium.ts';

const HASH = 32;
/** RFC 5869, section 2.3: at most 255 blocks. */
export const HKDF_MAX_BYTES = 255 * HASH;
const EMPTY = new Uint8Array(0);

const requireOutput = (length: number): void => {
  if (!Number.isInteger(length) || length < 1 || length > HKDF_MAX_BYTES)
    throw new PrimitiveError('BAD_LENGTH', `hkdf output of ${length} bytes`);
};

export type HkdfInput = {
  /** Input keying material. */
  readonly ikm: Uint8Array;
  /** Empty means 32 zero bytes, as RFC 5869 says. */
  readonly salt?: Uint8Array;
  readonly info: Uint8Array;
  /** Output length in bytes, 1 to 8,160. */
  readonly length: number;
};

/** HKDF-SHA-256 (RFC 5869): extract, then expand, in one pass over libsodium's memory. */
export const hkdfSha256 = ({ ikm, salt = EMPTY, info, length }: HkdfInput): Uint8Array => {
  requireOutput(length);
  return withScratch(HASH + length + ikm.length + salt.length + info.length, (sodium, at) => {
    const out = at + HASH;
    const ikmAt = out + length;
    const saltAt = ikmAt + ikm.length;
    const infoAt = saltAt + salt.length;
    sodium.HEAPU8.set(ikm, ikmAt);
    sodium.HEAPU8.set(salt, saltAt);
    sodium.HEAPU8.set(info, infoAt);
    requireZero(sodium._crypto_kdf_hkdf_sha256_extract(at, saltAt, salt.length, ikmAt, ikm.length), 'hkdf');
    requireZero(sodium._crypto_kdf_hkdf_sha256_expand(out, length, infoAt, info.length, at), 'hkdf');
    return sodium.HEAPU8.slice(out, out + length);
  });
};

/** The expand step alone, for keys that are uniform already: `prk` is 32 bytes. */
export const hkdfExpand = (prk: Uint8Array, info: Uint8Array, length: number): Uint8Array => {
  requireLength(prk, HASH, 'prk');
  requireOutput(length);
  return withScratch(HASH + length + info.length, (sodium, at) => {
    const out = at + HASH;
    const infoAt = out + length;
    sodium.HEAPU8.set(prk, at);
    sodium.HEAPU8.set(info, infoAt);
    requireZero(sodium._crypto_kdf_hkdf_sha256_expand(out, length, infoAt, info.length, at), 'hkdf');
    return sodium.HEAPU8.slice(out, out + length);
  });
};
