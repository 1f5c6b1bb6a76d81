import { ristretto255_oprf } from '@noble/curves/ed25519.js';
import { createHash } from 'node:crypto';
import type { BlindEvaluator } from '../ports/listings.ts';

const INFO = new TextEncoder().encode('chat.nyx discovery');

/** An evaluator under the key that RFC 9497 (section 3.2.1) derives from a secret of this server. */
export const ristrettoEvaluator = (secret: string): BlindEvaluator => {
  const { oprf } = ristretto255_oprf;
  const seed = new Uint8Array(createHash('sha256').update(secret).digest());
  const { secretKey } = oprf.deriveKeyPair(seed, INFO);
  return {
    evaluate: (element) => {
      try {
        return oprf.blindEvaluate(secretKey, element);
      } catch {
        // Not an encoding of a point, or the identity.
        return undefined;
      }
    },
    output: (input) => {
      const { blind, blinded } = oprf.blind(input);
      return oprf.finalize(input, blind, oprf.blindEvaluate(secretKey, blinded));
    },
  };
};
