import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { equalBytes } from '../primitives/bytes.ts';
import { Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { Sha256 } from '../primitives/hash.ts';
import { NAMESPACE } from '../primitives/names.ts';
import type { Random } from '../primitives/random.ts';
import { XCHACHA_KEY_BYTES, xchachaOpen, xchachaSeal } from '../primitives/xchacha.ts';
import { AttachmentError } from './errors.ts';
import {
  CHUNK_BYTES,
  chunkNonce,
  type FileLayout,
  layoutOf,
  NONCE_PREFIX_BYTES,
  TAG_BYTES,
} from './layout.ts';

/**
 * What an encrypted event says about a file beside its address (e2ee.md, section 3: names, sizes and thumbnails are
 * inside). A thumbnail is a file of its own with its own key.
 */
export type FileDescription = {
  readonly v: 'chat.nyx.file.v1';
  /** 32 random bytes, unpadded base64, for this file alone. */
  readonly key: string;
  /** 16 random bytes, unpadded base64. */
  readonly nonce: string;
  /** Plaintext bytes of a chunk. */
  readonly chunk: number;
  /** Bytes of the file itself, without padding. */
  readonly size: number;
  /** Of the ciphertext, unpadded base64. */
  readonly sha256: string;
};

/** Lets a long file share its thread: told after each slice, awaited before the next. */
export type Progress = {
  /** Bytes of ciphertext done, of how many. */
  readonly report: (done: number, total: number) => void;
  readonly yieldNow: () => Promise<void>;
};

/** Chunks between two pauses: about 1 MiB, a few milliseconds. */
const CHUNKS_PER_SLICE = 16;

const aadOf = ({ size, chunk }: FileLayout): Uint8Array =>
  new Writer(64).text(`${NAMESPACE}/file/1`).u64(size).u32(chunk).finish();

const pause = async (
  { report, yieldNow }: Progress,
  index: number,
  done: number,
  total: number,
): Promise<void> => {
  if (index % CHUNKS_PER_SLICE !== CHUNKS_PER_SLICE - 1 && done !== total) return;
  report(done, total);
  await yieldNow();
};

/** Encrypts a file under a fresh key. The result is uploaded as it is; the description goes into the event. */
export const encryptAttachment = async (
  data: Uint8Array,
  random: Random,
  progress: Progress,
): Promise<{ readonly data: Uint8Array; readonly file: FileDescription }> => {
  const layout = layoutOf(data.length, CHUNK_BYTES);
  const key = random(XCHACHA_KEY_BYTES);
  const prefix = random(NONCE_PREFIX_BYTES);
  const aad = aadOf(layout);
  const out = new Uint8Array(layout.total);
  const hash = new Sha256();
  let done = 0;
  for (let index = 0; index < layout.chunks; index++) {
    const at = index * layout.chunk;
    const plain = new Uint8Array(Math.min(layout.chunk, layout.padded - at));
    plain.set(data.subarray(at, at + plain.length));
    const nonce = chunkNonce(prefix, index, index === layout.chunks - 1);
    const sealed = xchachaSeal({ key, nonce, aad }, plain);
    hash.update(sealed);
    out.set(sealed, done);
    done += sealed.length;
    await pause(progress, index, done, layout.total);
  }
  const file: FileDescription = {
    v: 'chat.nyx.file.v1',
    key: toBase64(key),
    nonce: toBase64(prefix),
    chunk: layout.chunk,
    size: layout.size,
    sha256: toBase64(hash.digest()),
  };
  key.fill(0);
  return { data: out, file };
};

const readBytes = (text: string, length: number): Uint8Array => {
  try {
    const bytes = fromBase64(text);
    if (bytes.length === length) return bytes;
  } catch (error) {
    if (!isCryptoError(error)) throw error;
  }
  throw new AttachmentError('BAD_DESCRIPTION');
};

/** Each chunk is opened and hashed; nothing is returned before the last one and the hash are found right. */
const openChunks = async (
  data: Uint8Array,
  layout: FileLayout,
  key: Uint8Array,
  prefix: Uint8Array,
  progress: Progress,
): Promise<{ readonly padded: Uint8Array; readonly sha256: Uint8Array }> => {
  const aad = aadOf(layout);
  const padded = new Uint8Array(layout.padded);
  const hash = new Sha256();
  let done = 0;
  for (let index = 0; index < layout.chunks; index++) {
    const sealed = data.subarray(done, done + layout.chunk + TAG_BYTES);
    hash.update(sealed);
    const nonce = chunkNonce(prefix, index, index === layout.chunks - 1);
    padded.set(xchachaOpen({ key, nonce, aad }, sealed), index * layout.chunk);
    done += sealed.length;
    await pause(progress, index, done, layout.total);
  }
  return { padded, sha256: hash.digest() };
};

/**
 * Decrypts a downloaded file.
 *
 * @throws AttachmentError; what a chunk held before the damage is discarded
 */
export const decryptAttachment = async (
  data: Uint8Array,
  file: FileDescription,
  progress: Progress,
): Promise<Uint8Array> => {
  const key = readBytes(file.key, XCHACHA_KEY_BYTES);
  const prefix = readBytes(file.nonce, NONCE_PREFIX_BYTES);
  const expected = readBytes(file.sha256, 32);
  if (!Number.isSafeInteger(file.chunk) || file.chunk < 1024 || file.chunk > 1_048_576)
    throw new AttachmentError('BAD_DESCRIPTION');
  const layout = layoutOf(file.size, file.chunk);
  if (data.length !== layout.total)
    throw new AttachmentError('WRONG_LENGTH', `${data.length}, not ${layout.total}`);
  try {
    const { padded, sha256 } = await openChunks(data, layout, key, prefix, progress);
    if (!equalBytes(sha256, expected)) throw new AttachmentError('WRONG_HASH');
    if (padded.subarray(layout.size).some((byte) => byte !== 0)) throw new AttachmentError('TAMPERED');
    return padded.subarray(0, layout.size);
  } catch (error) {
    if (isCryptoError(error) && error.code === 'AUTHENTICATION_FAILED') throw new AttachmentError('TAMPERED');
    throw error;
  } finally {
    key.fill(0);
  }
};
