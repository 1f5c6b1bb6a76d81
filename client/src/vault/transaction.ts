import type { Table } from './table.ts';

export type Change = {
  // Values are only ever read back through the table that wrote them.
  readonly table: Table<unknown>;
  readonly name: string;
} & ({ readonly kind: 'put'; readonly value: unknown } | { readonly kind: 'delete'; readonly value?: never });

/** What a transaction reads from. */
export interface TransactionBase {
  read<T>(table: Table<T>, name: string): T | undefined;
  scan<T>(table: Table<T>): readonly (readonly [string, T])[];
}

/**
 * A set of changes over the vault, visible to its own reads and to nobody else. Dropping it undoes everything;
 * that is how a refused frame changes nothing.
 */
export class VaultTransaction {
  readonly #base: TransactionBase;
  readonly #changes = new Map<string, Map<string, Change>>();

  constructor(base: TransactionBase) {
    this.#base = base;
  }

  get<T>(table: Table<T>, name: string): T | undefined {
    const change = this.#changes.get(table.name)?.get(name);
    if (change === undefined) return this.#base.read(table, name);
    return change.kind === 'put' ? (change.value as T) : undefined;
  }

  put<T>(table: Table<T>, name: string, value: T): void {
    // One table name has one value type by construction of the table constants.
    this.#change({ table: table as unknown as Table<unknown>, name, kind: 'put', value });
  }

  delete<T>(table: Table<T>, name: string): void {
    this.#change({ table: table as unknown as Table<unknown>, name, kind: 'delete' });
  }

  /** All entries of a table with this transaction's changes. Costs a decryption each unless the table is cached. */
  entries<T>(table: Table<T>): [string, T][] {
    const changed = this.#changes.get(table.name);
    const base = this.#base.scan(table).filter(([name]) => changed?.has(name) !== true);
    const out: [string, T][] = base.map(([name, value]) => [name, value]);
    for (const change of changed?.values() ?? [])
      if (change.kind === 'put') out.push([change.name, change.value as T]);
    return out;
  }

  /** A transaction on top of this one: `merge` keeps its changes, dropping it undoes them alone. */
  nested(): VaultTransaction {
    return new VaultTransaction({
      read: (table, name) => this.get(table, name),
      scan: (table) => this.entries(table),
    });
  }

  merge(inner: VaultTransaction): void {
    for (const change of inner.changes()) this.#change(change);
  }

  /** Whether a table of this name has changes. */
  touches(tableName: string): boolean {
    return this.#changes.has(tableName);
  }

  get empty(): boolean {
    return this.#changes.size === 0;
  }

  *changes(): IterableIterator<Change> {
    for (const byName of this.#changes.values()) yield* byName.values();
  }

  #change(change: Change): void {
    let byName = this.#changes.get(change.table.name);
    if (byName === undefined) {
      byName = new Map();
      this.#changes.set(change.table.name, byName);
    }
    byName.set(change.name, change);
  }
}
