import { utf8 } from '../../src/crypto/primitives/bytes.ts';
import type { RatchetLabels } from '../../src/crypto/ratchet/state.ts';

/** Signal's HKDF info strings, in place of the product's: the only difference inside x3dh/ and ratchet/. */
export const SIGNAL_X3DH_INFO = utf8('WhisperText');
export const SIGNAL_MESSAGE_INFO = utf8('WhisperMessageKeys');
export const SIGNAL_RATCHET_LABELS: RatchetLabels = {
  root: utf8('WhisperRatchet'),
  // Signal's version 3 mixes no KEM secret in: with the KEM off this one is never used.
  mixedRoot: utf8('unused'),
};
