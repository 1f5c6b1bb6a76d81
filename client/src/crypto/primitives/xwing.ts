import { PrimitiveError } from './errors.ts';
import type { Random } from './random.ts';
import { Secret } from './secret.ts';
import { requireLength, requireZero, withScratch } from './sodium.ts';
import type { Encapsulation, KemSharedSecret } from './ml-kem.ts';

/** X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 in one KEM; its private key is its seed. */
export const XWING_PUBLIC_BYTES = 1216;
export const XWING_SECRET_BYTES = 32;
export const XWING_CIPHERTEXT_BYTES = 1120;
const SHARED_BYTES = 32;
const ENCAPSULATION_SEED_BYTES = 64;

export type XWingSecret = Secret<'x-wing'>;
export type XWingKeyPair = { readonly secret: XWingSecret; readonly public: Uint8Array };

/** A fresh key pair from 32 random bytes. */
export const generateXWing = (random: Random): XWingKeyPair => {
  const seed = random(XWING_SECRET_BYTES);
  requireLength(seed, XWING_SECRET_BYTES, 'x-wing seed');
  return withScratch(XWING_PUBLIC_BYTES + 2 * XWING_SECRET_BYTES, (sodium, at) => {
    const secretAt = at + XWING_PUBLIC_BYTES;
    const seedAt = secretAt + XWING_SECRET_BYTES;
    sodium.HEAPU8.set(seed, seedAt);
    seed.fill(0);
    requireZero(sodium._crypto_kem_xwing_seed_keypair(at, secretAt, seedAt), 'x-wing key');
    return {
      secret: Secret.take('x-wing', sodium.HEAPU8.slice(secretAt, secretAt + XWING_SECRET_BYTES)),
      public: sodium.HEAPU8.slice(at, secretAt),
    };
  });
};

/** Encapsulates with 64 bytes of randomness. */
export const xwingEncapsulate = (publicKey: Uint8Array, random: Random): Encapsulation => {
  requireLength(publicKey, XWING_PUBLIC_BYTES, 'x-wing public key');
  const seed = random(ENCAPSULATION_SEED_BYTES);
  requireLength(seed, ENCAPSULATION_SEED_BYTES, 'x-wing randomness');
  const size = XWING_CIPHERTEXT_BYTES + SHARED_BYTES + XWING_PUBLIC_BYTES + ENCAPSULATION_SEED_BYTES;
  return withScratch(size, (sodium, at) => {
    const sharedAt = at + XWING_CIPHERTEXT_BYTES;
    const publicAt = sharedAt + SHARED_BYTES;
    const seedAt = publicAt + XWING_PUBLIC_BYTES;
    sodium.HEAPU8.set(publicKey, publicAt);
    sodium.HEAPU8.set(seed, seedAt);
    seed.fill(0);
    if (sodium._crypto_kem_xwing_enc_deterministic(at, sharedAt, publicAt, seedAt) !== 0)
      throw new PrimitiveError('INVALID_PUBLIC_KEY', 'x-wing');
    return {
      ciphertext: sodium.HEAPU8.slice(at, sharedAt),
      shared: Secret.take('kem-shared', sodium.HEAPU8.slice(sharedAt, publicAt)),
    };
  });
};

/** Decapsulates; a ciphertext holding a low-order point is refused with LOW_ORDER_POINT. */
export const xwingDecapsulate = (secret: XWingSecret, ciphertext: Uint8Array): KemSharedSecret => {
  requireLength(secret.expose(), XWING_SECRET_BYTES, 'x-wing secret');
  requireLength(ciphertext, XWING_CIPHERTEXT_BYTES, 'x-wing ciphertext');
  const size = SHARED_BYTES + XWING_CIPHERTEXT_BYTES + XWING_SECRET_BYTES;
  return withScratch(size, (sodium, at) => {
    const ciphertextAt = at + SHARED_BYTES;
    const secretAt = ciphertextAt + XWING_CIPHERTEXT_BYTES;
    sodium.HEAPU8.set(ciphertext, ciphertextAt);
    sodium.HEAPU8.set(secret.expose(), secretAt);
    if (sodium._crypto_kem_xwing_dec(at, ciphertextAt, secretAt) !== 0)
      throw new PrimitiveError('LOW_ORDER_POINT', 'x-wing');
    return Secret.take('kem-shared', sodium.HEAPU8.slice(at, ciphertextAt));
  });
};
