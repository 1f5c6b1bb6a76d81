/**
 * The client's half of the oblivious pseudorandom function OPRF(ristretto255, SHA-512), mode OPRF (RFC 9497): the
 * server's key turns a user id into 64 bytes that nobody can make without asking the server, and the server does not
 * learn what it was asked about.
 */
import { concat, utf8 } from '../primitives/bytes.ts';
import { PrimitiveError } from '../primitives/errors.ts';
import type { Random } from '../primitives/random.ts';
import {
  invertScalar,
  multiplyPoint,
  pointFromHash,
  randomScalar,
  RISTRETTO_BYTES,
  sha512,
  SHA512_BYTES,
  type Scalar,
} from '../primitives/ristretto255.ts';

/** RFC 9497, section 3.1: `"OPRFV1-" | mode | "-" | suite`. */
const CONTEXT = concat(utf8('OPRFV1-'), Uint8Array.of(0), utf8('-ristretto255-SHA512'));
const TO_GROUP = concat(utf8('HashToGroup-'), CONTEXT);
/** Block size of SHA-512. */
const BLOCK_BYTES = 128;
const MAX_INPUT = 0xff_ff;

const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

/** `expand_message_xmd` of RFC 9380, section 5.3.1, for one block of output (64 bytes). */
const expandToHash = (message: Uint8Array, dst: Uint8Array): Uint8Array => {
  const tail = concat(dst, Uint8Array.of(dst.length));
  const zeros = new Uint8Array(BLOCK_BYTES);
  const first = sha512(concat(zeros, message, u16(SHA512_BYTES), Uint8Array.of(0), tail));
  return sha512(concat(first, Uint8Array.of(1), tail));
};

/** What waits for the server's answer. */
export type Blinded = {
  readonly input: Uint8Array;
  readonly blind: Scalar;
  /** 32 bytes for the server: uniform, whatever the input is. */
  readonly element: Uint8Array;
};

/** Blinds with a scalar that is given; `blindInput` draws one. */
export const blindWith = (input: Uint8Array, blind: Scalar): Blinded => {
  if (input.length > MAX_INPUT) throw new PrimitiveError('TOO_LONG', 'input of the look-up');
  return { input, blind, element: multiplyPoint(blind, pointFromHash(expandToHash(input, TO_GROUP))) };
};

/** RFC 9497, section 3.3.1, Blind. */
export const blindInput = (input: Uint8Array, random: Random): Blinded =>
  blindWith(input, randomScalar(random));

/**
 * RFC 9497, section 3.3.1, Finalize: 64 bytes. The blind is wiped, it is good for one answer.
 *
 * @throws PrimitiveError INVALID_PUBLIC_KEY when the answer is no point of the group
 */
export const finalize = ({ input, blind }: Blinded, evaluated: Uint8Array): Uint8Array => {
  using inverse = invertScalar(blind);
  const element = multiplyPoint(inverse, evaluated);
  blind.wipe();
  return sha512(concat(u16(input.length), input, u16(RISTRETTO_BYTES), element, utf8('Finalize')));
};
