import { equalBytes } from './bytes.ts';
import { PrimitiveError } from './errors.ts';
import { sha3256 } from './hash.ts';
import type { Random } from './random.ts';
import { Secret } from './secret.ts';
import { requireLength, requireZero, withScratch } from './sodium.ts';

export const ML_KEM_PUBLIC_BYTES = 1184;
export const ML_KEM_SECRET_BYTES = 2400;
export const ML_KEM_CIPHERTEXT_BYTES = 1088;
export const ML_KEM_SEED_BYTES = 64;
const SHARED_BYTES = 32;
/** Layout of a private key: dk_PKE 1152 | ek 1184 | H(ek) 32 | z 32 (FIPS 203, algorithm 16). */
const PUBLIC_AT = 1152;
const PUBLIC_HASH_AT = 2336;

export type MlKemSecret = Secret<'ml-kem-768'>;
export type MlKemKeyPair = { readonly secret: MlKemSecret; readonly public: Uint8Array };
export type KemSharedSecret = Secret<'kem-shared'>;
export type Encapsulation = { readonly ciphertext: Uint8Array; readonly shared: KemSharedSecret };

/** The key pair of a 64-byte seed d | z (FIPS 203, ML-KEM.KeyGen_internal). */
export const mlKemFromSeed = (seed: Uint8Array): MlKemKeyPair => {
  requireLength(seed, ML_KEM_SEED_BYTES, 'ml-kem seed');
  return withScratch(ML_KEM_PUBLIC_BYTES + ML_KEM_SECRET_BYTES + ML_KEM_SEED_BYTES, (sodium, at) => {
    const secretAt = at + ML_KEM_PUBLIC_BYTES;
    const seedAt = secretAt + ML_KEM_SECRET_BYTES;
    sodium.HEAPU8.set(seed, seedAt);
    requireZero(sodium._crypto_kem_mlkem768_seed_keypair(at, secretAt, seedAt), 'ml-kem key');
    return {
      secret: Secret.take('ml-kem-768', sodium.HEAPU8.slice(secretAt, secretAt + ML_KEM_SECRET_BYTES)),
      public: sodium.HEAPU8.slice(at, at + ML_KEM_PUBLIC_BYTES),
    };
  });
};

/** A fresh key pair. */
export const generateMlKem = (random: Random): MlKemKeyPair => {
  const seed = random(ML_KEM_SEED_BYTES);
  const pair = mlKemFromSeed(seed);
  seed.fill(0);
  return pair;
};

/** Coefficients are 12 bits each and must be below q = 3329 (FIPS 203, section 7.2, modulus check). */
const isReduced = (publicKey: Uint8Array): boolean => {
  for (let i = 0; i < ML_KEM_PUBLIC_BYTES - 32; i += 3) {
    const a = publicKey[i] ?? 0;
    const b = publicKey[i + 1] ?? 0;
    const c = publicKey[i + 2] ?? 0;
    if ((a | ((b & 15) << 8)) >= 3329 || ((b >> 4) | (c << 4)) >= 3329) return false;
  }
  return true;
};

/** Encapsulates to a public key with 32 bytes of randomness. Throws INVALID_PUBLIC_KEY on one not in range. */
export const mlKemEncapsulate = (publicKey: Uint8Array, random: Random): Encapsulation => {
  requireLength(publicKey, ML_KEM_PUBLIC_BYTES, 'ml-kem public key');
  if (!isReduced(publicKey)) throw new PrimitiveError('INVALID_PUBLIC_KEY', 'ml-kem');
  const seed = random(SHARED_BYTES);
  requireLength(seed, SHARED_BYTES, 'ml-kem randomness');
  const size = ML_KEM_CIPHERTEXT_BYTES + SHARED_BYTES + ML_KEM_PUBLIC_BYTES + SHARED_BYTES;
  return withScratch(size, (sodium, at) => {
    const sharedAt = at + ML_KEM_CIPHERTEXT_BYTES;
    const publicAt = sharedAt + SHARED_BYTES;
    const seedAt = publicAt + ML_KEM_PUBLIC_BYTES;
    sodium.HEAPU8.set(publicKey, publicAt);
    sodium.HEAPU8.set(seed, seedAt);
    seed.fill(0);
    if (sodium._crypto_kem_mlkem768_enc_deterministic(at, sharedAt, publicAt, seedAt) !== 0)
      throw new PrimitiveError('INVALID_PUBLIC_KEY', 'ml-kem');
    return {
      ciphertext: sodium.HEAPU8.slice(at, sharedAt),
      shared: Secret.take('kem-shared', sodium.HEAPU8.slice(sharedAt, publicAt)),
    };
  });
};

/**
 * Decapsulates. A ciphertext that was not made for this key gives an unrelated secret (implicit rejection,
 * FIPS 203 section 6.3): what is keyed with it then fails to authenticate.
 */
export const mlKemDecapsulate = (secret: MlKemSecret, ciphertext: Uint8Array): KemSharedSecret => {
  requireLength(secret.expose(), ML_KEM_SECRET_BYTES, 'ml-kem secret');
  requireLength(ciphertext, ML_KEM_CIPHERTEXT_BYTES, 'ml-kem ciphertext');
  const size = SHARED_BYTES + ML_KEM_CIPHERTEXT_BYTES + ML_KEM_SECRET_BYTES;
  return withScratch(size, (sodium, at) => {
    const ciphertextAt = at + SHARED_BYTES;
    const secretAt = ciphertextAt + ML_KEM_CIPHERTEXT_BYTES;
    sodium.HEAPU8.set(ciphertext, ciphertextAt);
    sodium.HEAPU8.set(secret.expose(), secretAt);
    requireZero(sodium._crypto_kem_mlkem768_dec(at, ciphertextAt, secretAt), 'ml-kem');
    return Secret.take('kem-shared', sodium.HEAPU8.slice(at, ciphertextAt));
  });
};

/**
 * The hash check of FIPS 203, section 7.3, for a private key that was read from storage: its copy of the public key
 * must match its hash. Throws INVALID_SECRET_KEY.
 */
export const checkMlKemSecret = (secret: MlKemSecret): void => {
  const bytes = secret.expose();
  requireLength(bytes, ML_KEM_SECRET_BYTES, 'ml-kem secret');
  const stored = bytes.subarray(PUBLIC_HASH_AT, PUBLIC_HASH_AT + 32);
  const hash = sha3256(bytes.subarray(PUBLIC_AT, PUBLIC_HASH_AT));
  if (!equalBytes(stored, hash)) throw new PrimitiveError('INVALID_SECRET_KEY', 'ml-kem');
};

/** The public key inside a private one. */
export const mlKemPublicKey = (secret: MlKemSecret): Uint8Array => {
  requireLength(secret.expose(), ML_KEM_SECRET_BYTES, 'ml-kem secret');
  return secret.expose().slice(PUBLIC_AT, PUBLIC_HASH_AT);
};
