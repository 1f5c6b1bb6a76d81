/**
 * The port behind which records live. An adapter keeps opaque bytes; it never sees a key or a plaintext.
 * One commit is one atomic, durable transaction: after it resolves the records survive a crash, before it resolves
 * none of them may be visible (e2ee.md section 0.7: state first, ciphertext after).
 */

/** A sealed record. `version` rises by one with each rewrite of the same key and is bound into the seal. */
export type StoredRecord = {
  readonly table: string;
  readonly key: string;
  readonly version: number;
  readonly body: Uint8Array;
};

export type StoreWrite =
  | { readonly kind: 'put'; readonly record: StoredRecord }
  | { readonly kind: 'delete'; readonly table: string; readonly key: string };

/** What is readable without the key: how to derive and unwrap it. Structured-cloneable, may hold a CryptoKey. */
export type StoredHeader = Readonly<Record<string, unknown>>;

export interface RecordStore {
  /** The page's sealed data, beside the records. */
  readonly local: LocalStore;
  readHeader(): Promise<StoredHeader | undefined>;
  /** Every record. Ten thousand must load in well under 300 ms, so an adapter reads them in one request. */
  loadAll(): Promise<readonly StoredRecord[]>;
  /** Header and writes in one durable transaction. */
  commit(writes: readonly StoreWrite[], header?: StoredHeader): Promise<void>;
  /** Removes everything, header and local data included. */
  erase(): Promise<void>;
  close(): void;
}

/**
 * The page's own sealed data: drafts, unsent messages, the search index. Unlike the records it is never loaded as a
 * whole, so it may grow large without slowing down the opening of the vault.
 */
export interface LocalStore {
  /** The records of these keys that exist, in no particular order. */
  read(table: string, keys: readonly string[]): Promise<readonly StoredRecord[]>;
  /** Up to `limit` records in order of their keys, after `after`. */
  list(table: string, after: string | undefined, limit: number): Promise<readonly StoredRecord[]>;
  /** All writes or none; `strict`: they have reached the disk when this resolves. */
  write(writes: readonly StoreWrite[], durability: 'strict' | 'relaxed'): Promise<void>;
  /** Removes every record of a table. */
  clear(table: string): Promise<void>;
}

/** The store could not do what it was asked; nothing was changed. */
export class StoreError extends Error {
  readonly code = 'STORE_FAILED';
  constructor(cause: unknown) {
    super('the record store failed', { cause });
    this.name = 'StoreError';
  }
}
