/**
 * Sealed records of the page (drafts, unsent messages, search index, plugins and their data). Sealed like the vault's own, under table keys
 * of the same key-encryption key: a stolen locked profile shows how many there are and their rough size, neither
 * their names nor what they say.
 */
import { fromUtf8, utf8 } from '../crypto/primitives/bytes.ts';
import { Reader, Writer } from '../crypto/primitives/codec.ts';
import type { Random } from '../crypto/primitives/random.ts';
import { VaultError } from './errors.ts';
import type { TableSeal } from './record-seal.ts';
import type { LocalStore, StoredRecord, StoreWrite } from './record-store.ts';

export const LOCAL_COLLECTIONS = ['drafts', 'outbox', 'search', 'plugins', 'plugin-data'] as const;
export type LocalCollection = (typeof LOCAL_COLLECTIONS)[number];
export type LocalEntry = { readonly key: string; readonly value: unknown };

/** Longest JSON of one value (bytes). */
export const MAX_LOCAL_VALUE_BYTES = 1024 * 1024;
/** Sizes are rounded up to this, so that the length of a draft tells little. */
const PAD_BYTES = 256;
/** These records are not counted: nothing in them must never be used twice. */
const VERSION = 1;

/** Unsent messages must survive a power cut; a draft or an index entry of the last second need not. */
const DURABILITY: Readonly<Record<LocalCollection, 'strict' | 'relaxed'>> = {
  drafts: 'relaxed',
  outbox: 'strict',
  search: 'relaxed',
  plugins: 'strict',
  'plugin-data': 'strict',
};

export type LocalPorts = {
  readonly store: LocalStore;
  /** Keys of a table; throws VAULT_LOCKED once the vault is closed. */
  readonly seal: (table: string) => TableSeal;
  readonly random: Random;
};

const tableOf = (collection: LocalCollection): string => `local/${collection}`;

export class LocalRecords {
  readonly #ports: LocalPorts;

  constructor(ports: LocalPorts) {
    this.#ports = ports;
  }

  /** Writes and removes in one commit. Throws VALUE_TOO_LARGE or NOT_JSON and changes nothing. */
  async put(
    collection: LocalCollection,
    put: readonly LocalEntry[],
    remove: readonly string[],
  ): Promise<void> {
    const table = tableOf(collection);
    const seal = this.#ports.seal(table);
    const writes: StoreWrite[] = put.map(({ key, value }) => {
      const plain = encode(value);
      const record = seal.seal(key, VERSION, plain, this.#ports.random);
      plain.fill(0);
      return { kind: 'put', record };
    });
    for (const key of remove) writes.push({ kind: 'delete', table, key: seal.keyOf(key) });
    await this.#ports.store.write(writes, DURABILITY[collection]);
  }

  /** Those of `keys` that exist. @throws VaultError VAULT_DAMAGED for a record that is not ours */
  async get(collection: LocalCollection, keys: readonly string[]): Promise<readonly LocalEntry[]> {
    const table = tableOf(collection);
    const seal = this.#ports.seal(table);
    const hashed = new Map(keys.map((key) => [seal.keyOf(key), key]));
    const records = await this.#ports.store.read(table, [...hashed.keys()]);
    return records.map((record) => {
      const entry = this.#open(table, record);
      // The store answered with another record than the one asked for.
      if (hashed.get(record.key) !== entry.key) throw new VaultError('VAULT_DAMAGED', table);
      return entry;
    });
  }

  /** A page of all entries, in an order that means nothing. `next` is absent at the end. */
  async list(
    collection: LocalCollection,
    after: string | undefined,
    limit: number,
  ): Promise<{ readonly entries: readonly LocalEntry[]; readonly next?: string }> {
    const table = tableOf(collection);
    const records = await this.#ports.store.list(table, after, limit);
    const entries = records.map((record) => this.#open(table, record));
    const last = records.at(-1);
    return records.length < limit || last === undefined ? { entries } : { entries, next: last.key };
  }

  async clear(collection: LocalCollection): Promise<void> {
    const table = tableOf(collection);
    // Only whoever could read it may empty it.
    this.#ports.seal(table);
    await this.#ports.store.clear(table);
  }

  #open(table: string, record: StoredRecord): LocalEntry {
    // The keys are asked for again: the vault may have been locked while the store was reading.
    const seal = this.#ports.seal(table);
    const { name, value } = seal.open(record);
    if (record.table !== table || record.key !== seal.keyOf(name))
      throw new VaultError('VAULT_DAMAGED', table);
    try {
      const reader = new Reader(value);
      const json = fromUtf8(reader.bytes(MAX_LOCAL_VALUE_BYTES));
      return { key: name, value: JSON.parse(json) as unknown };
    } catch {
      throw new VaultError('VAULT_DAMAGED', table);
    } finally {
      value.fill(0);
    }
  }
}

/** `u32 length | JSON | zeros`. */
function encode(value: unknown): Uint8Array {
  const json = toJson(value);
  if (json.length > MAX_LOCAL_VALUE_BYTES) throw new VaultError('VALUE_TOO_LARGE', `${json.length} bytes`);
  const written = new Writer(json.length + 4).bytes(json).finish();
  json.fill(0);
  const padded = new Uint8Array(Math.ceil(written.length / PAD_BYTES) * PAD_BYTES);
  padded.set(written);
  written.fill(0);
  return padded;
}

function toJson(value: unknown): Uint8Array {
  try {
    // Of a function or undefined there is no text, whatever the type says.
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) return utf8(text);
  } catch {
    // Cycles and big integers.
  }
  throw new VaultError('NOT_JSON');
}
