/** RecordStore over IndexedDB, with strict durability: a commit has reached the disk before it resolves. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import {
  StoreError,
  type LocalStore,
  type RecordStore,
  type StoredHeader,
  type StoredRecord,
  type StoreWrite,
} from './record-store.ts';

const SCHEMA_VERSION = 2;
const HEADER_KEY = 'header';

interface VaultSchema extends DBSchema {
  records: { key: [string, string]; value: StoredRecord };
  header: { key: string; value: StoredHeader };
  local: { key: [string, string]; value: StoredRecord };
}

/** Name of the database of one account. */
export const vaultDatabaseName = (userId: string): string => `nyx-vault/${userId}`;

/** Opens (or makes) the database. Another tab that wants to delete or upgrade it makes this one close. */
export async function openIndexedDbStore(name: string): Promise<RecordStore> {
  const db = await guarded(() =>
    openDB<VaultSchema>(name, SCHEMA_VERSION, {
      upgrade(database, before) {
        if (before < 1) {
          database.createObjectStore('records', { keyPath: ['table', 'key'] });
          database.createObjectStore('header');
        }
        if (before < 2) database.createObjectStore('local', { keyPath: ['table', 'key'] });
      },
      blocking(_current, _blocked, event) {
        (event.target as IDBDatabase).close();
      },
    }),
  );
  return new IndexedDbStore(db);
}

class IndexedDbStore implements RecordStore {
  readonly local: LocalStore;
  readonly #db: IDBPDatabase<VaultSchema>;

  constructor(db: IDBPDatabase<VaultSchema>) {
    this.#db = db;
    this.local = new IndexedDbLocalStore(db);
  }

  readHeader(): Promise<StoredHeader | undefined> {
    return guarded(() => this.#db.get('header', HEADER_KEY));
  }

  loadAll(): Promise<readonly StoredRecord[]> {
    return guarded(() => this.#db.getAll('records'));
  }

  commit(writes: readonly StoreWrite[], header?: StoredHeader): Promise<void> {
    return guarded(async () => {
      const tx = this.#db.transaction(['records', 'header'], 'readwrite', { durability: 'strict' });
      const records = tx.objectStore('records');
      // Requests are queued without awaiting each: the transaction's completion is the one thing that counts, and a
      // failed request aborts it as a whole.
      const queued: Promise<unknown>[] = writes.map((write) =>
        write.kind === 'put' ? records.put(write.record) : records.delete([write.table, write.key]),
      );
      if (header !== undefined) queued.push(tx.objectStore('header').put(header, HEADER_KEY));
      await Promise.all([...queued, tx.done]);
    });
  }

  erase(): Promise<void> {
    return guarded(async () => {
      const tx = this.#db.transaction(['records', 'header', 'local'], 'readwrite', { durability: 'strict' });
      const cleared = (['records', 'header', 'local'] as const).map((name) => tx.objectStore(name).clear());
      await Promise.all([...cleared, tx.done]);
    });
  }

  close(): void {
    this.#db.close();
  }
}

/** Sorts after every string key. */
const AFTER_ALL: readonly never[] = [];

class IndexedDbLocalStore implements LocalStore {
  readonly #db: IDBPDatabase<VaultSchema>;

  constructor(db: IDBPDatabase<VaultSchema>) {
    this.#db = db;
  }

  read(table: string, keys: readonly string[]): Promise<readonly StoredRecord[]> {
    return guarded(async () => {
      const { store } = this.#db.transaction('local');
      const found = await Promise.all(keys.map((key) => store.get([table, key])));
      return found.filter((record) => record !== undefined);
    });
  }

  list(table: string, after: string | undefined, limit: number): Promise<readonly StoredRecord[]> {
    const range = IDBKeyRange.bound([table, after ?? ''], [table, AFTER_ALL], after !== undefined);
    return guarded(() => this.#db.getAll('local', range, limit));
  }

  write(writes: readonly StoreWrite[], durability: 'strict' | 'relaxed'): Promise<void> {
    return guarded(async () => {
      const tx = this.#db.transaction('local', 'readwrite', { durability });
      const queued = writes.map((write): Promise<unknown> =>
        write.kind === 'put' ? tx.store.put(write.record) : tx.store.delete([write.table, write.key]),
      );
      await Promise.all([...queued, tx.done]);
    });
  }

  clear(table: string): Promise<void> {
    return guarded(() => this.#db.delete('local', IDBKeyRange.bound([table, ''], [table, AFTER_ALL])));
  }
}

async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new StoreError(cause);
  }
}
