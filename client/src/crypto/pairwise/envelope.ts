import { Reader, Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { equalBytes } from '../primitives/bytes.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import type { MessageKey } from '../primitives/kdf-chain.ts';
import { MAX_PADDED_CONTENT, pad, unpad } from '../primitives/padding.ts';
import { XCHACHA_KEY_BYTES, XCHACHA_NONCE_BYTES, xchachaOpen, xchachaSeal } from '../primitives/xchacha.ts';
import { XWING_CIPHERTEXT_BYTES, XWING_PUBLIC_BYTES } from '../primitives/xwing.ts';
import { type PeerDevice, writeIdentity } from './device.ts';
import { PairwiseError } from './errors.ts';
import { MESSAGE_LABEL } from './labels.ts';

/**
 * What is encrypted: `01 | sender | recipient | offer? | answer? | content`, padded to a bucket. A sender or
 * recipient is user, device and Ed25519 key. Offer and answer are the two halves of a post-quantum refresh.
 */
export type Envelope = {
  readonly sender: PeerDevice;
  readonly recipient: PeerDevice;
  /** X-Wing public key. */
  readonly offer: Uint8Array | undefined;
  /** X-Wing ciphertext. */
  readonly answer: Uint8Array | undefined;
  /** The inner event's JSON; empty in an answer that only turns the ratchet. */
  readonly content: Uint8Array;
};

const VERSION = 1;

const writeParties = (writer: Writer, sender: PeerDevice, recipient: PeerDevice): Writer =>
  writeIdentity(writeIdentity(writer.u8(VERSION), sender), recipient);

/** The envelope's plaintext before padding. */
export const encodeEnvelope = (envelope: Envelope): Uint8Array =>
  writeParties(new Writer(512 + envelope.content.length), envelope.sender, envelope.recipient)
    .optional(envelope.offer, (w, offer) => w.fixed(offer))
    .optional(envelope.answer, (w, answer) => w.fixed(answer))
    .bytes(envelope.content)
    .finish();

/**
 * Reads an envelope that must go from `sender` to `recipient`. Its identities are compared byte by byte with the
 * session's: IDENTITY_MISMATCH when it was meant for, or written by, someone else.
 */
export const decodeEnvelope = (bytes: Uint8Array, sender: PeerDevice, recipient: PeerDevice): Envelope => {
  const parties = writeParties(new Writer(512), sender, recipient).finish();
  try {
    const reader = new Reader(bytes);
    if (bytes.length < parties.length || !equalBytes(reader.fixed(parties.length), parties))
      throw new PairwiseError('IDENTITY_MISMATCH');
    const offer = reader.optional((r) => r.fixed(XWING_PUBLIC_BYTES));
    const answer = reader.optional((r) => r.fixed(XWING_CIPHERTEXT_BYTES));
    const content = reader.bytes(MAX_PADDED_CONTENT);
    reader.end();
    return { sender, recipient, offer, answer, content };
  } catch (error) {
    if (error instanceof PairwiseError || !isCryptoError(error)) throw error;
    throw new PairwiseError('BAD_ENVELOPE', error.code);
  }
};

const withMessageKey = <T>(
  messageKey: MessageKey,
  aad: Uint8Array,
  use: (input: { key: Uint8Array; nonce: Uint8Array; aad: Uint8Array }) => T,
): T => {
  const length = XCHACHA_KEY_BYTES + XCHACHA_NONCE_BYTES;
  const okm = hkdfSha256({ ikm: messageKey.expose(), info: MESSAGE_LABEL, length });
  try {
    const key = okm.subarray(0, XCHACHA_KEY_BYTES);
    return use({ key, nonce: okm.subarray(XCHACHA_KEY_BYTES), aad });
  } finally {
    okm.fill(0);
  }
};

/** Pads and encrypts under a message key: key and nonce are HKDF(mk, "chat.nyx/msg/1", 56). */
export const sealEnvelope = (messageKey: MessageKey, aad: Uint8Array, envelope: Envelope): Uint8Array => {
  const plaintext = encodeEnvelope(envelope);
  const padded = pad(plaintext);
  plaintext.fill(0);
  const sealed = withMessageKey(messageKey, aad, (input) => xchachaSeal(input, padded));
  padded.fill(0);
  return sealed;
};

/** Inverse of `sealEnvelope`, for an envelope from `sender` to `recipient`. */
export const openEnvelope = (
  messageKey: MessageKey,
  aad: Uint8Array,
  ciphertext: Uint8Array,
  sender: PeerDevice,
  recipient: PeerDevice,
): Envelope => {
  const padded = withMessageKey(messageKey, aad, (input) => xchachaOpen(input, ciphertext));
  try {
    return decodeEnvelope(unpad(padded), sender, recipient);
  } catch (error) {
    if (error instanceof PairwiseError || !isCryptoError(error)) throw error;
    throw new PairwiseError('BAD_ENVELOPE', error.code);
  } finally {
    padded.fill(0);
  }
};
