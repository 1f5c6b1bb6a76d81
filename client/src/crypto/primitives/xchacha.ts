import { PrimitiveError } from './errors.ts';
import { requireLength, requireZero, withScratch } from './sodium.ts';

export const XCHACHA_KEY_BYTES = 32;
export const XCHACHA_NONCE_BYTES = 24;
export const XCHACHA_TAG_BYTES = 16;

export type AeadInput = {
  readonly key: Uint8Array;
  /** 24 bytes; never twice under one key. */
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
};

const KEY_AND_NONCE = XCHACHA_KEY_BYTES + XCHACHA_NONCE_BYTES;

const requireSizes = (key: Uint8Array, nonce: Uint8Array): void => {
  requireLength(key, XCHACHA_KEY_BYTES, 'aead key');
  requireLength(nonce, XCHACHA_NONCE_BYTES, 'aead nonce');
};

/** XChaCha20-Poly1305: ciphertext and its 16-byte tag (draft-irtf-cfrg-xchacha-03). */
export const xchachaSeal = ({ key, nonce, aad }: AeadInput, plaintext: Uint8Array): Uint8Array => {
  requireSizes(key, nonce);
  const length = plaintext.length + XCHACHA_TAG_BYTES;
  return withScratch(KEY_AND_NONCE + aad.length + length, (sodium, at) => {
    const nonceAt = at + XCHACHA_KEY_BYTES;
    const aadAt = at + KEY_AND_NONCE;
    const textAt = aadAt + aad.length;
    sodium.HEAPU8.set(key, at);
    sodium.HEAPU8.set(nonce, nonceAt);
    sodium.HEAPU8.set(aad, aadAt);
    sodium.HEAPU8.set(plaintext, textAt);
    // In place: libsodium allows the output to be the input.
    requireZero(
      sodium._crypto_aead_xchacha20poly1305_ietf_encrypt(
        textAt,
        0,
        textAt,
        plaintext.length,
        0,
        aadAt,
        aad.length,
        0,
        0,
        nonceAt,
        at,
      ),
      'aead',
    );
    return sodium.HEAPU8.slice(textAt, textAt + length);
  });
};

/** Inverse of `xchachaSeal`; throws AUTHENTICATION_FAILED and returns nothing unless the tag is right. */
export const xchachaOpen = ({ key, nonce, aad }: AeadInput, ciphertext: Uint8Array): Uint8Array => {
  requireSizes(key, nonce);
  const length = ciphertext.length - XCHACHA_TAG_BYTES;
  if (length < 0) throw new PrimitiveError('AUTHENTICATION_FAILED', 'shorter than its tag');
  return withScratch(KEY_AND_NONCE + aad.length + ciphertext.length, (sodium, at) => {
    const nonceAt = at + XCHACHA_KEY_BYTES;
    const aadAt = at + KEY_AND_NONCE;
    const textAt = aadAt + aad.length;
    sodium.HEAPU8.set(key, at);
    sodium.HEAPU8.set(nonce, nonceAt);
    sodium.HEAPU8.set(aad, aadAt);
    sodium.HEAPU8.set(ciphertext, textAt);
    const result = sodium._crypto_aead_xchacha20poly1305_ietf_decrypt(
      textAt,
      0,
      0,
      textAt,
      ciphertext.length,
      0,
      aadAt,
      aad.length,
      0,
      nonceAt,
      at,
    );
    if (result !== 0) throw new PrimitiveError('AUTHENTICATION_FAILED');
    return sodium.HEAPU8.slice(textAt, textAt + length);
  });
};
