/** A table of the vault: how one kind of record becomes bytes and comes back. */
import { fromUtf8, utf8 } from '../crypto/primitives/bytes.ts';

export type Table<T> = {
  /** Part of every record's key derivation and associated data: never renamed. */
  readonly name: string;
  readonly encode: (value: T) => Uint8Array;
  /** Throws on bytes that `encode` did not write. */
  readonly decode: (bytes: Uint8Array) => T;
  /** True: decoded values stay in memory while the vault is open and must never be mutated. */
  readonly cached: boolean;
  /** Overwrites the secrets of a cached value that is replaced, deleted or locked away. */
  readonly wipe?: (value: T) => void;
};

/**
 * A cached table of plain immutable data. The bytes are authenticated by the seal under a key that only this vault
 * has, so what comes back is what this program wrote; `as` is about our own data.
 */
export const jsonTable = <T>(name: string): Table<T> => ({
  name,
  encode: (value) => utf8(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(fromUtf8(bytes)) as T,
  cached: true,
});
