import { chacha20 } from '@noble/ciphers/chacha.js';
import { utf8 } from '../primitives/bytes.ts';
import { sha256 } from '../primitives/hash.ts';
import type { Random } from '../primitives/random.ts';

const CHUNK_BYTES = 64 * 1024;

/**
 * A fast reproducible source for simulations: the ChaCha20 keystream of a seed, so that a seed that fails fails
 * again. Never outside tests.
 */
export const seededBytes = (seed: string): Random => {
  const key = sha256(utf8(seed));
  let chunk = new Uint8Array(0);
  let chunks = 0;
  let at = 0;
  return (length) => {
    if (at + length > chunk.length) {
      const nonce = new Uint8Array(12);
      new DataView(nonce.buffer).setUint32(0, chunks++);
      chunk = chacha20(key, nonce, new Uint8Array(Math.max(CHUNK_BYTES, length)));
      at = 0;
    }
    at += length;
    return chunk.slice(at - length, at);
  };
};
