/** RecordStore over IndexedDB, with strict durability: a commit has reached the disk before it resolves. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import {
  StoreError,
  type RecordStore,
  type StoredHeader,
  type StoredRecord,
  type StoreWrite,
} from './record-store.ts';

const SCHEMA_VERSION = 1;
const HEADER_KEY = 'header';

interface VaultSchema extends DBSchema {
  records: { key: [string, string]; value: StoredRecord };
  header: { key: string; value: StoredHeader };
}

/** Name of the database of one account. */
export const vaultDatabaseName = (userId: string): string => `nyx-vault/${userId}`;

/** Opens (or makes) the database. Another tab that wants to delete or upgrade it makes this one close. */
export async function openIndexedDbStore(name: string): Promise<RecordStore> {
  const db = await guarded(() =>
    openDB<VaultSchema>(name, SCHEMA_VERSION, {
      upgrade(database) {
        database.createObjectStore('records', { keyPath: ['table', 'key'] });
        database.createObjectStore('header');
      },
      blocking(_current, _blocked, event) {
        (event.target as IDBDatabase).close();
      },
    }),
  );
  return new IndexedDbStore(db);
}

class IndexedDbStore implements RecordStore {
  readonly #db: IDBPDatabase<VaultSchema>;

  constructor(db: IDBPDatabase<VaultSchema>) {
    this.#db = db;
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
      const tx = this.#db.transaction(['records', 'header'], 'readwrite', { durability: 'strict' });
      await Promise.all([tx.objectStore('records').clear(), tx.objectStore('header').clear(), tx.done]);
    });
  }

  close(): void {
    this.#db.close();
  }
}

async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new StoreError(cause);
  }
}
