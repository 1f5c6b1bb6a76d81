import createSodium from 'libsodium-sumo';

import { PrimitiveError } from './errors.ts';

/** An address in libsodium's linear memory. */
type Pointer = number;

/**
 * The part of libsodium's C interface that the primitives call. The wrappers allocate, copy and free on every call
 * and hand out hex when asked; the raw module lets us lay out one scratch area and batch several calls over it.
 * 64-bit lengths are passed as (low, high) pairs of 32 bits.
 */
export interface RawSodium {
  /** Replaced when the memory grows: read it afresh after every call that may allocate. */
  readonly HEAPU8: Uint8Array;
  _sodium_init(): number;
  _malloc(size: number): Pointer;
  _free(at: Pointer): void;
  _crypto_hash_sha256(out: Pointer, m: Pointer, low: number, high: number): number;
  _crypto_hash_sha256_statebytes(): number;
  _crypto_hash_sha256_init(state: Pointer): number;
  _crypto_hash_sha256_update(state: Pointer, m: Pointer, low: number, high: number): number;
  _crypto_hash_sha256_final(state: Pointer, out: Pointer): number;
  _crypto_hash_sha512(out: Pointer, m: Pointer, low: number, high: number): number;
  _crypto_core_ristretto255_from_hash(out: Pointer, hash: Pointer): number;
  _crypto_core_ristretto255_is_valid_point(point: Pointer): number;
  _crypto_core_ristretto255_scalar_invert(out: Pointer, scalar: Pointer): number;
  _crypto_core_ristretto255_scalar_reduce(out: Pointer, wide: Pointer): void;
  _crypto_scalarmult_ristretto255(out: Pointer, scalar: Pointer, point: Pointer): number;
  _crypto_hash_sha3256(out: Pointer, m: Pointer, low: number, high: number): number;
  _crypto_auth_hmacsha256(out: Pointer, m: Pointer, low: number, high: number, key: Pointer): number;
  _crypto_auth_hmacsha256_statebytes(): number;
  _crypto_auth_hmacsha256_init(state: Pointer, key: Pointer, length: number): number;
  _crypto_auth_hmacsha256_update(state: Pointer, m: Pointer, low: number, high: number): number;
  _crypto_auth_hmacsha256_final(state: Pointer, out: Pointer): number;
  _crypto_kdf_hkdf_sha256_extract(
    prk: Pointer,
    salt: Pointer,
    saltLength: number,
    ikm: Pointer,
    ikmLength: number,
  ): number;
  _crypto_kdf_hkdf_sha256_expand(
    out: Pointer,
    length: number,
    info: Pointer,
    infoLength: number,
    prk: Pointer,
  ): number;
  _crypto_generichash(
    out: Pointer,
    outLength: number,
    m: Pointer,
    low: number,
    high: number,
    key: Pointer,
    keyLength: number,
  ): number;
  _crypto_scalarmult(out: Pointer, scalar: Pointer, point: Pointer): number;
  _crypto_scalarmult_base(out: Pointer, scalar: Pointer): number;
  _crypto_sign_ed25519_seed_keypair(pk: Pointer, sk: Pointer, seed: Pointer): number;
  _crypto_sign_ed25519_detached(
    sig: Pointer,
    sigLength: Pointer,
    m: Pointer,
    low: number,
    high: number,
    sk: Pointer,
  ): number;
  _crypto_sign_ed25519_verify_detached(
    sig: Pointer,
    m: Pointer,
    low: number,
    high: number,
    pk: Pointer,
  ): number;
  _crypto_aead_xchacha20poly1305_ietf_encrypt(
    out: Pointer,
    outLength: Pointer,
    m: Pointer,
    mLow: number,
    mHigh: number,
    aad: Pointer,
    aadLow: number,
    aadHigh: number,
    nsec: Pointer,
    nonce: Pointer,
    key: Pointer,
  ): number;
  _crypto_aead_xchacha20poly1305_ietf_decrypt(
    out: Pointer,
    outLength: Pointer,
    nsec: Pointer,
    c: Pointer,
    cLow: number,
    cHigh: number,
    aad: Pointer,
    aadLow: number,
    aadHigh: number,
    nonce: Pointer,
    key: Pointer,
  ): number;
  _crypto_kem_mlkem768_seed_keypair(pk: Pointer, sk: Pointer, seed: Pointer): number;
  _crypto_kem_mlkem768_enc_deterministic(ct: Pointer, ss: Pointer, pk: Pointer, seed: Pointer): number;
  _crypto_kem_mlkem768_dec(ss: Pointer, ct: Pointer, sk: Pointer): number;
  _crypto_kem_xwing_seed_keypair(pk: Pointer, sk: Pointer, seed: Pointer): number;
  _crypto_kem_xwing_enc_deterministic(ct: Pointer, ss: Pointer, pk: Pointer, seed: Pointer): number;
  _crypto_kem_xwing_dec(ss: Pointer, ct: Pointer, sk: Pointer): number;
  _crypto_pwhash(
    out: Pointer,
    outLow: number,
    outHigh: number,
    password: Pointer,
    passwordLow: number,
    passwordHigh: number,
    salt: Pointer,
    opsLow: number,
    opsHigh: number,
    memory: number,
    algorithm: number,
  ): number;
}

/** Scratch for one call. Larger inputs (attachment chunks) get an allocation of their own. */
const SCRATCH_BYTES = 128 * 1024;
/** Room for libsodium's opaque HMAC-SHA-256 state; checked against the library when it loads. */
export const HMAC_STATE_BYTES = 512;
/** Likewise for SHA-256. */
export const SHA256_STATE_BYTES = 128;

let raw: RawSodium | undefined;
let scratch: Pointer = 0;
let inUse = false;
let loading: Promise<void> | undefined;

const load = async (): Promise<void> => {
  let module: RawSodium;
  try {
    // The wrappers around this module are 15 kB gzip of which we would use none. Its own generator is never called:
    // randomness is injected.
    module = (await createSodium({
      getRandomValue: () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
    })) as RawSodium;
  } catch (cause) {
    // WebAssembly is refused where the CSP lacks 'wasm-unsafe-eval'.
    throw new PrimitiveError('SODIUM_UNAVAILABLE', cause instanceof Error ? cause.message : 'no WebAssembly');
  }
  if (module._sodium_init() < 0) throw new PrimitiveError('SODIUM_UNAVAILABLE', 'initialisation failed');
  if (
    module._crypto_auth_hmacsha256_statebytes() > HMAC_STATE_BYTES ||
    module._crypto_hash_sha256_statebytes() > SHA256_STATE_BYTES
  )
    throw new PrimitiveError('SODIUM_UNAVAILABLE', 'hash states grew');
  scratch = module._malloc(SCRATCH_BYTES);
  raw = module;
};

/** Compiles libsodium once; every primitive throws SODIUM_NOT_READY before this has resolved. */
export const loadSodium = (): Promise<void> => (loading ??= load());

/**
 * Runs `use` over `size` bytes of libsodium's memory at address `at`, and zeroes them afterwards, also when `use`
 * throws. Not reentrant by design: primitives are leaves and never call one another inside a frame.
 */
export const withScratch = <T>(size: number, use: (sodium: RawSodium, at: Pointer) => T): T => {
  if (raw === undefined) throw new PrimitiveError('SODIUM_NOT_READY');
  const sodium = raw;
  const owned = size > SCRATCH_BYTES || inUse;
  const at = owned ? sodium._malloc(size) : scratch;
  if (at === 0) throw new PrimitiveError('PRIMITIVE_FAILED', 'out of memory');
  if (!owned) inUse = true;
  try {
    return use(sodium, at);
  } finally {
    sodium.HEAPU8.fill(0, at, at + size);
    if (owned) sodium._free(at);
    else inUse = false;
  }
};

/** Guards a fixed-size input; `what` names it in the error. */
export const requireLength = (bytes: Uint8Array, length: number, what: string): void => {
  if (bytes.length !== length)
    throw new PrimitiveError('BAD_LENGTH', `${what}: ${bytes.length}, not ${length} bytes`);
};

/** Throws PRIMITIVE_FAILED unless a C call returned 0. */
export const requireZero = (result: number, what: string): void => {
  if (result !== 0) throw new PrimitiveError('PRIMITIVE_FAILED', what);
};
