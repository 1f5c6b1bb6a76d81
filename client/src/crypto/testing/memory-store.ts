import type {
  LocalStore,
  RecordStore,
  StoredHeader,
  StoredRecord,
  StoreWrite,
} from '../../vault/record-store.ts';

/** The page's sealed data in memory. */
class MemoryLocalStore implements LocalStore {
  readonly records = new Map<string, StoredRecord>();

  async read(table: string, keys: readonly string[]): Promise<readonly StoredRecord[]> {
    return keys.flatMap((key) => this.records.get(`${table}|${key}`) ?? []);
  }

  async list(table: string, after: string | undefined, limit: number): Promise<readonly StoredRecord[]> {
    return [...this.records.values()]
      .filter((record) => record.table === table && record.key > (after ?? ''))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, limit);
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    for (const write of writes)
      if (write.kind === 'put') this.records.set(`${write.record.table}|${write.record.key}`, write.record);
      else this.records.delete(`${write.table}|${write.key}`);
  }

  async clear(table: string): Promise<void> {
    for (const [name, record] of this.records) if (record.table === table) this.records.delete(name);
  }
}

/** A store in memory for tests of many engines at once; IndexedDB itself is tested where it matters. */
export class MemoryStore implements RecordStore {
  readonly records = new Map<string, StoredRecord>();
  readonly local = new MemoryLocalStore();
  header: StoredHeader | undefined;
  commits = 0;

  readHeader(): Promise<StoredHeader | undefined> {
    return Promise.resolve(this.header);
  }

  loadAll(): Promise<readonly StoredRecord[]> {
    return Promise.resolve([...this.records.values()]);
  }

  commit(writes: readonly StoreWrite[], header?: StoredHeader): Promise<void> {
    this.commits += 1;
    for (const write of writes)
      if (write.kind === 'put') this.records.set(`${write.record.table}|${write.record.key}`, write.record);
      else this.records.delete(`${write.table}|${write.key}`);
    if (header !== undefined) this.header = header;
    return Promise.resolve();
  }

  erase(): Promise<void> {
    this.records.clear();
    this.local.records.clear();
    this.header = undefined;
    return Promise.resolve();
  }

  /** A copy, as a stolen or restored profile would be. */
  snapshot(): MemoryStore {
    const copy = new MemoryStore();
    for (const [key, record] of this.records) copy.records.set(key, structuredClone(record));
    for (const [key, record] of this.local.records) copy.local.records.set(key, structuredClone(record));
    copy.header = this.header;
    return copy;
  }

  close(): void {
    // Nothing is held.
  }
}
