import { PrimitiveError } from './errors.ts';
import { Secret } from './secret.ts';
import { requireLength, requireZero, withScratch } from './sodium.ts';

export const ARGON2_SALT_BYTES = 16;
/** libsodium's number for Argon2id version 1.3 with one lane. */
const ALG_ARGON2ID13 = 2;

export type Argon2Cost = {
  /** Passes over the memory, 1 to 64. */
  readonly passes: number;
  /** Memory in KiB, 8 to 1 GiB. */
  readonly memoryKiB: number;
};

/** OWASP's and libsodium's "interactive" cost: 64 MiB, 2 passes (about 0.1 s). */
export const ARGON2_INTERACTIVE: Argon2Cost = { passes: 2, memoryKiB: 65_536 };
/** libsodium's "moderate" cost: 256 MiB, 3 passes (about 1 s). */
export const ARGON2_MODERATE: Argon2Cost = { passes: 3, memoryKiB: 262_144 };

/**
 * Argon2id (RFC 9106, one lane) of a passphrase under a 16-byte salt. The cost comes from a stored record, so it is
 * bounded: a planted record cannot ask for all of the machine's memory.
 */
export const argon2id = (
  passphrase: Uint8Array,
  salt: Uint8Array,
  cost: Argon2Cost,
  length = 32,
): Secret<'passphrase-key'> => {
  requireLength(salt, ARGON2_SALT_BYTES, 'argon2 salt');
  const { passes, memoryKiB } = cost;
  if (!Number.isInteger(passes) || passes < 1 || passes > 64)
    throw new PrimitiveError('BAD_LENGTH', `argon2 passes: ${passes}`);
  if (!Number.isInteger(memoryKiB) || memoryKiB < 8 || memoryKiB > 1_048_576)
    throw new PrimitiveError('BAD_LENGTH', `argon2 memory: ${memoryKiB} KiB`);
  if (length < 16 || length > 64) throw new PrimitiveError('BAD_LENGTH', `argon2 output: ${length} bytes`);
  return withScratch(length + ARGON2_SALT_BYTES + passphrase.length, (sodium, at) => {
    const saltAt = at + length;
    const passphraseAt = saltAt + ARGON2_SALT_BYTES;
    sodium.HEAPU8.set(salt, saltAt);
    sodium.HEAPU8.set(passphrase, passphraseAt);
    requireZero(
      sodium._crypto_pwhash(
        at,
        length,
        0,
        passphraseAt,
        passphrase.length,
        0,
        saltAt,
        passes,
        0,
        memoryKiB * 1024,
        ALG_ARGON2ID13,
      ),
      'argon2id',
    );
    return Secret.take('passphrase-key', sodium.HEAPU8.slice(at, at + length));
  });
};
