import { AttachmentError } from './errors.ts';

/**
 * How a file is laid out: its bytes, zeros up to the padded size, cut into chunks that are sealed one by one as in
 * STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce is `prefix 16 | chunk index u32 | last u8 | 0 0 0`, so
 * that no chunk can be moved, dropped, repeated or taken for the end.
 */

/** Plaintext bytes of a chunk: with its tag it fits libsodium's scratch area. */
export const CHUNK_BYTES = 65_536;
export const TAG_BYTES = 16;
export const NONCE_PREFIX_BYTES = 16;
/** One file; the server's own limit is lower. */
export const MAX_ATTACHMENT_BYTES = 1024 * 1024 * 1024;
/** Smaller files look like this one. */
const SMALLEST_BYTES = 1024;

/**
 * Size after padding (Padmé: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication",
 * section 4): at most 12 % more, and of the length little more than its order of magnitude shows.
 */
export const paddedFileSize = (size: number): number => {
  if (!Number.isSafeInteger(size) || size < 0 || size > MAX_ATTACHMENT_BYTES)
    throw new AttachmentError('ATTACHMENT_TOO_LARGE', `${size} bytes`);
  if (size <= SMALLEST_BYTES) return SMALLEST_BYTES;
  const exponent = Math.floor(Math.log2(size));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const unit = 2 ** (exponent - kept);
  return Math.ceil(size / unit) * unit;
};

export type FileLayout = {
  readonly size: number;
  readonly padded: number;
  readonly chunk: number;
  readonly chunks: number;
  /** Bytes of ciphertext. */
  readonly total: number;
};

/** The layout of a file of `size` bytes in chunks of `chunk`. */
export const layoutOf = (size: number, chunk: number): FileLayout => {
  const padded = paddedFileSize(size);
  const chunks = Math.ceil(padded / chunk);
  return { size, padded, chunk, chunks, total: padded + chunks * TAG_BYTES };
};

/** The nonce of chunk `index`. */
export const chunkNonce = (prefix: Uint8Array, index: number, last: boolean): Uint8Array => {
  const nonce = new Uint8Array(24);
  nonce.set(prefix);
  const view = new DataView(nonce.buffer);
  view.setUint32(NONCE_PREFIX_BYTES, index);
  view.setUint8(NONCE_PREFIX_BYTES + 4, last ? 1 : 0);
  return nonce;
};
