import { concat, utf8 } from '../primitives/bytes.ts';
import { NAMESPACE } from '../primitives/names.ts';
import type { RatchetLabels } from '../ratchet/state.ts';

/** The suite's name: first field of every transcript. */
export const SUITE = `${NAMESPACE}/x3dh/1/X25519+ML-KEM-768/HKDF-SHA256/XChaCha20-Poly1305`;

const X3DH = utf8(`${NAMESPACE}/x3dh/1`);

/** HKDF info of the handshake: label, then the transcript's hash. */
export const x3dhInfo = (transcriptHash: Uint8Array): Uint8Array => concat(X3DH, transcriptHash);

export const RATCHET_LABELS: RatchetLabels = {
  root: utf8(`${NAMESPACE}/ratchet/1`),
  mixedRoot: utf8(`${NAMESPACE}/ratchet-mixed/1`),
};

/** HKDF info that turns a message key into an AEAD key and nonce. */
export const MESSAGE_LABEL = utf8(`${NAMESPACE}/msg/1`);

/** First field of what a session error signs. */
export const SESSION_ERROR_LABEL = `${NAMESPACE}/session_error/1`;
