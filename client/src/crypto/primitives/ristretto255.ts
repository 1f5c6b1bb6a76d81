/** The prime-order group ristretto255 (RFC 9496), as far as blinded look-ups need it, and SHA-512. */
import { PrimitiveError } from './errors.ts';
import type { Random } from './random.ts';
import { Secret } from './secret.ts';
import { requireLength, requireZero, withScratch } from './sodium.ts';

export const RISTRETTO_BYTES = 32;
export const SCALAR_BYTES = 32;
export const SHA512_BYTES = 64;
const WIDE_BYTES = 64;

/** A number modulo the group's order, never zero. */
export type Scalar = Secret<'scalar'>;

/** SHA-512 (FIPS 180-4), 64 bytes. */
export const sha512 = (data: Uint8Array): Uint8Array =>
  withScratch(SHA512_BYTES + data.length, (sodium, at) => {
    const input = at + SHA512_BYTES;
    sodium.HEAPU8.set(data, input);
    requireZero(sodium._crypto_hash_sha512(at, input, data.length, 0), 'sha512');
    return sodium.HEAPU8.slice(at, at + SHA512_BYTES);
  });

/** A point out of 64 uniform bytes (RFC 9496, section 4.3.4). */
export const pointFromHash = (uniform: Uint8Array): Uint8Array => {
  requireLength(uniform, WIDE_BYTES, 'ristretto255 hash');
  return withScratch(RISTRETTO_BYTES + WIDE_BYTES, (sodium, at) => {
    const input = at + RISTRETTO_BYTES;
    sodium.HEAPU8.set(uniform, input);
    requireZero(sodium._crypto_core_ristretto255_from_hash(at, input), 'ristretto255');
    return sodium.HEAPU8.slice(at, at + RISTRETTO_BYTES);
  });
};

/** A uniform scalar. Zero, which no honest generator gives, is refused where it is used. */
export const randomScalar = (random: Random): Scalar => {
  const wide = random(WIDE_BYTES);
  return withScratch(SCALAR_BYTES + WIDE_BYTES, (sodium, at) => {
    const input = at + SCALAR_BYTES;
    sodium.HEAPU8.set(wide, input);
    wide.fill(0);
    sodium._crypto_core_ristretto255_scalar_reduce(at, input);
    return Secret.take('scalar', sodium.HEAPU8.slice(at, at + SCALAR_BYTES));
  });
};

/** The inverse modulo the order. @throws PrimitiveError INVALID_SECRET_KEY for zero */
export const invertScalar = (scalar: Scalar): Scalar => {
  requireLength(scalar.expose(), SCALAR_BYTES, 'scalar');
  return withScratch(2 * SCALAR_BYTES, (sodium, at) => {
    const out = at + SCALAR_BYTES;
    sodium.HEAPU8.set(scalar.expose(), at);
    if (sodium._crypto_core_ristretto255_scalar_invert(out, at) !== 0)
      throw new PrimitiveError('INVALID_SECRET_KEY', 'zero');
    return Secret.take('scalar', sodium.HEAPU8.slice(out, out + SCALAR_BYTES));
  });
};

/**
 * `scalar` times `point`.
 *
 * @throws PrimitiveError INVALID_PUBLIC_KEY for what is not the one encoding of a point, or is the identity; the
 * latter also when it is the result
 */
export const multiplyPoint = (scalar: Scalar, point: Uint8Array): Uint8Array => {
  requireLength(scalar.expose(), SCALAR_BYTES, 'scalar');
  if (point.length !== RISTRETTO_BYTES) throw new PrimitiveError('INVALID_PUBLIC_KEY', 'length');
  return withScratch(SCALAR_BYTES + 2 * RISTRETTO_BYTES, (sodium, at) => {
    const pointAt = at + SCALAR_BYTES;
    const out = pointAt + RISTRETTO_BYTES;
    sodium.HEAPU8.set(scalar.expose(), at);
    sodium.HEAPU8.set(point, pointAt);
    if (
      sodium._crypto_core_ristretto255_is_valid_point(pointAt) !== 1 ||
      sodium._crypto_scalarmult_ristretto255(out, at, pointAt) !== 0
    )
      throw new PrimitiveError('INVALID_PUBLIC_KEY', 'ristretto255');
    return sodium.HEAPU8.slice(out, out + RISTRETTO_BYTES);
  });
};
