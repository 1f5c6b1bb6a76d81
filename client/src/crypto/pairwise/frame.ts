import { concat } from '../primitives/bytes.ts';
import { ML_KEM_CIPHERTEXT_BYTES } from '../primitives/ml-kem.ts';
import { PADDING_BUCKETS } from '../primitives/padding.ts';
import { XCHACHA_TAG_BYTES } from '../primitives/xchacha.ts';
import type { RatchetHeader } from '../ratchet/state.ts';
import { SESSION_ID_BYTES } from '../x3dh/x3dh.ts';
import { FrameError } from './errors.ts';

/**
 * The wire form (e2ee.md, section 2): `ver | type | sid 16 | [hello] | dh 32 | pn u32 | n u32 | ciphertext + tag`.
 * The hello of a type 0 frame is `IK_A 32 | Ed_A 32 | EK_A 32 | spk_id u32 | otpk_id u32 | kem_ct u16 length + bytes`;
 * otpk_id 0 means that there was none. Everything before the ciphertext is its associated data.
 */

const VERSION = 1;
const HELLO_BYTES = 3 * 32 + 4 + 4 + 2 + ML_KEM_CIPHERTEXT_BYTES;
const RATCHET_BYTES = 32 + 4 + 4;
const PREFIX_BYTES = 2 + SESSION_ID_BYTES;
const MAX_CIPHERTEXT = Math.max(...PADDING_BUCKETS) + XCHACHA_TAG_BYTES;

/** What a handshake says about itself, in every frame until it is answered. */
export type Hello = {
  readonly identity: Uint8Array;
  readonly signing: Uint8Array;
  readonly ephemeral: Uint8Array;
  readonly signedPrekeyId: number;
  readonly oneTimePrekeyId: number | undefined;
  readonly kemCiphertext: Uint8Array;
};

export type Frame = {
  readonly sid: Uint8Array;
  readonly hello: Hello | undefined;
  readonly ratchet: RatchetHeader;
  /** The bytes that are authenticated beside the plaintext. */
  readonly header: Uint8Array;
  readonly ciphertext: Uint8Array;
};

/** The header bytes of a frame; the ciphertext follows them. */
export const encodeHeader = (
  sid: Uint8Array,
  hello: Hello | undefined,
  ratchet: RatchetHeader,
): Uint8Array => {
  const out = new Uint8Array(PREFIX_BYTES + (hello === undefined ? 0 : HELLO_BYTES) + RATCHET_BYTES);
  const view = new DataView(out.buffer);
  out[0] = VERSION;
  out[1] = hello === undefined ? 1 : 0;
  out.set(sid, 2);
  let at = PREFIX_BYTES;
  if (hello !== undefined) {
    out.set(hello.identity, at);
    out.set(hello.signing, at + 32);
    out.set(hello.ephemeral, at + 64);
    view.setUint32(at + 96, hello.signedPrekeyId);
    view.setUint32(at + 100, hello.oneTimePrekeyId ?? 0);
    view.setUint16(at + 104, ML_KEM_CIPHERTEXT_BYTES);
    out.set(hello.kemCiphertext, at + 106);
    at += HELLO_BYTES;
  }
  out.set(ratchet.dh, at);
  view.setUint32(at + 32, ratchet.pn);
  view.setUint32(at + 36, ratchet.n);
  return out;
};

/** A whole frame. */
export const encodeFrame = (header: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
  concat(header, ciphertext);

const readHello = (bytes: Uint8Array, view: DataView, at: number): Hello => {
  if (view.getUint16(at + 104) !== ML_KEM_CIPHERTEXT_BYTES) throw new FrameError('BAD_KEM_CIPHERTEXT');
  const oneTime = view.getUint32(at + 100);
  return {
    identity: bytes.slice(at, at + 32),
    signing: bytes.slice(at + 32, at + 64),
    ephemeral: bytes.slice(at + 64, at + 96),
    signedPrekeyId: view.getUint32(at + 96),
    oneTimePrekeyId: oneTime === 0 ? undefined : oneTime,
    kemCiphertext: bytes.slice(at + 106, at + HELLO_BYTES),
  };
};

/**
 * Reads a frame's clear part: what the caller needs to look up the session and the prekeys. Nothing in it is
 * authenticated yet. Throws FrameError.
 */
export const decodeFrame = (bytes: Uint8Array): Frame => {
  if (bytes.length < 2) throw new FrameError('TRUNCATED_FRAME');
  if (bytes[0] !== VERSION) throw new FrameError('UNKNOWN_FRAME_VERSION');
  const type = bytes[1];
  if (type !== 0 && type !== 1) throw new FrameError('UNKNOWN_FRAME_TYPE');
  const ratchetAt = PREFIX_BYTES + (type === 0 ? HELLO_BYTES : 0);
  const textAt = ratchetAt + RATCHET_BYTES;
  if (bytes.length < textAt + XCHACHA_TAG_BYTES) throw new FrameError('TRUNCATED_FRAME');
  if (bytes.length > textAt + MAX_CIPHERTEXT) throw new FrameError('FRAME_TOO_LONG');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    sid: bytes.slice(2, PREFIX_BYTES),
    hello: type === 0 ? readHello(bytes, view, PREFIX_BYTES) : undefined,
    ratchet: {
      dh: bytes.slice(ratchetAt, ratchetAt + 32),
      pn: view.getUint32(ratchetAt + 32),
      n: view.getUint32(ratchetAt + 36),
    },
    header: bytes.subarray(0, textAt),
    ciphertext: bytes.subarray(textAt),
  };
};
