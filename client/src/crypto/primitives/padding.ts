import { PrimitiveError } from './errors.ts';

/**
 * Plaintext sizes on the wire: six, so that a length tells little. The largest still fits a 64 KiB event after
 * base64 and headers.
 */
export const PADDING_BUCKETS: readonly number[] = [512, 1024, 2048, 4096, 12_288, 45_056];
const LENGTH_BYTES = 4;
/** The longest content that fits the largest bucket. */
export const MAX_PADDED_CONTENT = 45_056 - LENGTH_BYTES;

/** Size on the wire of `length` content bytes; throws TOO_LONG past the largest bucket. */
export const paddedSize = (length: number): number => {
  const size = PADDING_BUCKETS.find((bucket) => bucket >= length + LENGTH_BYTES);
  if (size === undefined) throw new PrimitiveError('TOO_LONG', `${length} bytes of plaintext`);
  return size;
};

/** `u32 length | content | zeros` up to the next bucket. */
export const pad = (content: Uint8Array): Uint8Array => {
  const out = new Uint8Array(paddedSize(content.length));
  new DataView(out.buffer).setUint32(0, content.length);
  out.set(content, LENGTH_BYTES);
  return out;
};

/**
 * Inverse of `pad`: a view of the content. Throws BAD_PADDING unless the length, the bucket and every zero are what
 * `pad` would have written. Call it on authenticated bytes only.
 */
export const unpad = (padded: Uint8Array): Uint8Array => {
  if (padded.length < LENGTH_BYTES) throw new PrimitiveError('BAD_PADDING');
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  if (length > MAX_PADDED_CONTENT || paddedSize(length) !== padded.length)
    throw new PrimitiveError('BAD_PADDING');
  for (let i = LENGTH_BYTES + length; i < padded.length; i++)
    if (padded[i] !== 0) throw new PrimitiveError('BAD_PADDING');
  return padded.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
};
