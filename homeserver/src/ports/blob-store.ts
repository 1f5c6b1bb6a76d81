import type { Readable } from 'node:stream';

/** Bytes that were taken in whole and survive a crash. */
export type StoredBlob = {
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
};

/** First and last byte, both included, as in a Range header. */
export type ByteRange = { readonly start: number; readonly end: number };

/** Bytes by id, without any knowledge of what they are. Written once, never changed. */
export interface BlobStore {
  /**
   * Takes in a stream. What fails or is cut short leaves nothing. Until `confirm`, a restart may remove the bytes again.
   * Throws `too_large` as soon as `maxBytes` are passed.
   */
  write(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<StoredBlob>;
  /** Something durable refers to these bytes now. */
  confirm(id: string): Promise<void>;
  /** Forgets the bytes. No error when they are gone already. */
  remove(id: string): Promise<void>;
  /** The bytes or a range of them, or undefined when they are not there. The caller must read or destroy the stream. */
  open(id: string, range?: ByteRange): Promise<Readable | undefined>;
  /** Removes what processes that died left unconfirmed and `isKept` does not know. Returns how many. */
  sweep(isKept: (id: string) => Promise<boolean>): Promise<number>;
}
