import type { Random } from './random.ts';
import { Secret } from './secret.ts';
import { requireLength, requireZero, withScratch } from './sodium.ts';

export const ED25519_SEED_BYTES = 32;
export const ED25519_PUBLIC_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;
const SECRET_BYTES = 64;

/** libsodium's 64-byte form, seed and public key. */
export type Ed25519Secret = Secret<'ed25519'>;
export type Ed25519KeyPair = { readonly secret: Ed25519Secret; readonly public: Uint8Array };

/** The key pair of a 32-byte seed (RFC 8032, section 5.1.5). The seed stays the caller's to wipe. */
export const ed25519FromSeed = (seed: Uint8Array): Ed25519KeyPair => {
  requireLength(seed, ED25519_SEED_BYTES, 'ed25519 seed');
  return withScratch(SECRET_BYTES + ED25519_PUBLIC_BYTES + ED25519_SEED_BYTES, (sodium, at) => {
    const publicAt = at + SECRET_BYTES;
    const seedAt = publicAt + ED25519_PUBLIC_BYTES;
    sodium.HEAPU8.set(seed, seedAt);
    requireZero(sodium._crypto_sign_ed25519_seed_keypair(publicAt, at, seedAt), 'ed25519');
    return {
      secret: Secret.take('ed25519', sodium.HEAPU8.slice(at, at + SECRET_BYTES)),
      public: sodium.HEAPU8.slice(publicAt, publicAt + ED25519_PUBLIC_BYTES),
    };
  });
};

/** A fresh key pair. */
export const generateEd25519 = (random: Random): Ed25519KeyPair => {
  const seed = random(ED25519_SEED_BYTES);
  const pair = ed25519FromSeed(seed);
  seed.fill(0);
  return pair;
};

/** A copy of the seed inside a private key, for storing 32 bytes instead of 64. */
export const ed25519Seed = (secret: Ed25519Secret): Secret<'ed25519-seed'> =>
  Secret.copy('ed25519-seed', secret.expose().subarray(0, ED25519_SEED_BYTES));

/** Detached signature, 64 bytes, deterministic. */
export const ed25519Sign = (secret: Ed25519Secret, message: Uint8Array): Uint8Array => {
  requireLength(secret.expose(), SECRET_BYTES, 'ed25519 secret');
  return withScratch(ED25519_SIGNATURE_BYTES + SECRET_BYTES + message.length, (sodium, at) => {
    const secretAt = at + ED25519_SIGNATURE_BYTES;
    const messageAt = secretAt + SECRET_BYTES;
    sodium.HEAPU8.set(secret.expose(), secretAt);
    sodium.HEAPU8.set(message, messageAt);
    requireZero(
      sodium._crypto_sign_ed25519_detached(at, 0, messageAt, message.length, 0, secretAt),
      'ed25519',
    );
    return sodium.HEAPU8.slice(at, at + ED25519_SIGNATURE_BYTES);
  });
};

/**
 * Whether `signature` is valid. libsodium's strict rule: canonical S and points, no key or R of small order.
 * A signature or key of the wrong size is simply not valid.
 */
export const ed25519Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  if (publicKey.length !== ED25519_PUBLIC_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
  return withScratch(ED25519_PUBLIC_BYTES + ED25519_SIGNATURE_BYTES + message.length, (sodium, at) => {
    const signatureAt = at + ED25519_PUBLIC_BYTES;
    const messageAt = signatureAt + ED25519_SIGNATURE_BYTES;
    sodium.HEAPU8.set(publicKey, at);
    sodium.HEAPU8.set(signature, signatureAt);
    sodium.HEAPU8.set(message, messageAt);
    return sodium._crypto_sign_ed25519_verify_detached(signatureAt, messageAt, message.length, 0, at) === 0;
  });
};
