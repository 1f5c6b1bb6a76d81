import { PrimitiveError } from './errors.ts';
import { HMAC_STATE_BYTES, type RawSodium, requireZero, SHA256_STATE_BYTES, withScratch } from './sodium.ts';

const SHA256_BYTES = 32;

/** SHA-256, 32 bytes. */
export const sha256 = (data: Uint8Array): Uint8Array =>
  withScratch(SHA256_BYTES + data.length, (sodium, at) => {
    const input = at + SHA256_BYTES;
    sodium.HEAPU8.set(data, input);
    requireZero(sodium._crypto_hash_sha256(at, input, data.length, 0), 'sha256');
    return sodium.HEAPU8.slice(at, at + SHA256_BYTES);
  });

/** SHA-256 over data that comes in parts, for files that do not fit into libsodium's memory twice. */
export class Sha256 {
  #state: Uint8Array;

  constructor() {
    this.#state = this.#withState(0, (sodium, state) => {
      sodium._crypto_hash_sha256_init(state);
    });
  }

  #withState(extra: number, use: (sodium: RawSodium, state: number, input: number) => void): Uint8Array {
    return withScratch(SHA256_STATE_BYTES + extra, (sodium, at) => {
      use(sodium, at, at + SHA256_STATE_BYTES);
      return sodium.HEAPU8.slice(at, at + SHA256_STATE_BYTES);
    });
  }

  /** Appends data. Parts of up to 64 KiB stay within the scratch area. */
  update(data: Uint8Array): this {
    this.#state = this.#withState(data.length, (sodium, state, input) => {
      sodium.HEAPU8.set(this.#state, state);
      sodium.HEAPU8.set(data, input);
      sodium._crypto_hash_sha256_update(state, input, data.length, 0);
    });
    return this;
  }

  /** The hash of everything appended; the object is of no use afterwards. */
  digest(): Uint8Array {
    return withScratch(SHA256_STATE_BYTES + SHA256_BYTES, (sodium, at) => {
      const out = at + SHA256_STATE_BYTES;
      sodium.HEAPU8.set(this.#state, at);
      sodium._crypto_hash_sha256_final(at, out);
      return sodium.HEAPU8.slice(out, out + SHA256_BYTES);
    });
  }
}

/** SHA3-256 (FIPS 202), 32 bytes; ML-KEM's key check needs it. */
export const sha3256 = (data: Uint8Array): Uint8Array =>
  withScratch(SHA256_BYTES + data.length, (sodium, at) => {
    const input = at + SHA256_BYTES;
    sodium.HEAPU8.set(data, input);
    requireZero(sodium._crypto_hash_sha3256(at, input, data.length, 0), 'sha3-256');
    return sodium.HEAPU8.slice(at, at + SHA256_BYTES);
  });

/** HMAC-SHA-256 (RFC 2104) under a key of any length, 32 bytes. */
export const hmacSha256 = (key: Uint8Array, data: Uint8Array): Uint8Array =>
  withScratch(SHA256_BYTES + HMAC_STATE_BYTES + key.length + data.length, (sodium, at) => {
    const state = at + SHA256_BYTES;
    const keyAt = state + HMAC_STATE_BYTES;
    const dataAt = keyAt + key.length;
    sodium.HEAPU8.set(key, keyAt);
    sodium.HEAPU8.set(data, dataAt);
    sodium._crypto_auth_hmacsha256_init(state, keyAt, key.length);
    sodium._crypto_auth_hmacsha256_update(state, dataAt, data.length, 0);
    requireZero(sodium._crypto_auth_hmacsha256_final(state, at), 'hmac');
    return sodium.HEAPU8.slice(at, at + SHA256_BYTES);
  });

/** BLAKE2b (RFC 7693) of 16 to 64 bytes, keyed with 16 to 64 bytes when `key` is given. */
export const blake2b = (length: number, data: Uint8Array, key?: Uint8Array): Uint8Array => {
  if (length < 16 || length > 64) throw new PrimitiveError('BAD_LENGTH', `blake2b output of ${length} bytes`);
  const keyLength = key?.length ?? 0;
  if (key !== undefined && (keyLength < 16 || keyLength > 64))
    throw new PrimitiveError('BAD_LENGTH', `blake2b key of ${keyLength} bytes`);
  return withScratch(64 + 64 + data.length, (sodium, at) => {
    const keyAt = at + 64;
    const dataAt = keyAt + 64;
    if (key !== undefined) sodium.HEAPU8.set(key, keyAt);
    sodium.HEAPU8.set(data, dataAt);
    requireZero(
      sodium._crypto_generichash(at, length, dataAt, data.length, 0, keyLength === 0 ? 0 : keyAt, keyLength),
      'blake2b',
    );
    return sodium.HEAPU8.slice(at, at + length);
  });
};
