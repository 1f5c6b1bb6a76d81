import { PrimitiveError } from './errors.ts';
import type { Random } from './random.ts';
import { Secret } from './secret.ts';
import { requireLength, requireZero, withScratch } from './sodium.ts';

export const X25519_BYTES = 32;

export type X25519Secret = Secret<'x25519'>;
/** The result of one Diffie-Hellman: input to a KDF, never a key by itself. */
export type SharedSecret = Secret<'shared'>;
export type X25519KeyPair = { readonly secret: X25519Secret; readonly public: Uint8Array };

/** Public key of a private one (RFC 7748, section 6.1). */
export const x25519PublicKey = (secret: X25519Secret): Uint8Array => {
  requireLength(secret.expose(), X25519_BYTES, 'x25519 secret');
  return withScratch(2 * X25519_BYTES, (sodium, at) => {
    sodium.HEAPU8.set(secret.expose(), at);
    const out = at + X25519_BYTES;
    requireZero(sodium._crypto_scalarmult_base(out, at), 'x25519');
    return sodium.HEAPU8.slice(out, out + X25519_BYTES);
  });
};

/** A fresh key pair from 32 random bytes. */
export const generateX25519 = (random: Random): X25519KeyPair => {
  const secret = Secret.take('x25519', random(X25519_BYTES));
  return { secret, public: x25519PublicKey(secret) };
};

/**
 * X25519 of a private key and a peer's public key. A point of low order gives zero, which would let the peer fix
 * the key: LOW_ORDER_POINT (RFC 7748, section 6.1).
 */
export const x25519 = (secret: X25519Secret, peer: Uint8Array): SharedSecret => {
  requireLength(secret.expose(), X25519_BYTES, 'x25519 secret');
  requireLength(peer, X25519_BYTES, 'x25519 public key');
  return withScratch(3 * X25519_BYTES, (sodium, at) => {
    const peerAt = at + X25519_BYTES;
    const out = peerAt + X25519_BYTES;
    sodium.HEAPU8.set(secret.expose(), at);
    sodium.HEAPU8.set(peer, peerAt);
    if (sodium._crypto_scalarmult(out, at, peerAt) !== 0) throw new PrimitiveError('LOW_ORDER_POINT');
    return Secret.take('shared', sodium.HEAPU8.slice(out, out + X25519_BYTES));
  });
};
