/**
 * The open vault: all records in memory, sealed; decoded when asked for. Reading is synchronous, so that the engine
 * can be a plain function of its state; writing goes through a transaction that the host makes durable before
 * anything computed from it leaves (e2ee.md section 0.7).
 */
import type { Argon2Cost } from '../crypto/primitives/argon2id.ts';
import type { Random } from '../crypto/primitives/random.ts';
import { Secret } from '../crypto/primitives/secret.ts';
import type { DeviceKeys } from './device-key.ts';
import { VaultError } from './errors.ts';
import { LocalRecords } from './local-records.ts';
import { TableSeal, type KeyEncryptionKey } from './record-seal.ts';
import type { RecordStore, StoredHeader, StoredRecord, StoreWrite } from './record-store.ts';
import type { MasterSeed } from './recovery-words.ts';
import type { Table } from './table.ts';
import { VaultTransaction, type Change } from './transaction.ts';
import {
  openPassphraseSlot,
  openWordsSlot,
  parseHeader,
  passphraseSlot,
  wordsSlot,
  type VaultHeader,
} from './vault-header.ts';

export type VaultPorts = {
  readonly store: RecordStore;
  readonly deviceKeys: DeviceKeys;
  readonly random: Random;
  readonly cost: Argon2Cost;
};

export type VaultOwner = { readonly userId: string; readonly deviceId: string };

type LoadedTable = {
  wipe: ((value: unknown) => void) | undefined;
  readonly seal: TableSeal;
  readonly records: Map<string, StoredRecord>;
  /** Decoded values by name, for cached tables. */
  readonly cache: Map<string, unknown>;
  complete: boolean;
};

export class Vault {
  readonly owner: VaultOwner;
  readonly #ports: VaultPorts;
  readonly #kek: KeyEncryptionKey;
  #header: VaultHeader;
  readonly #tables = new Map<string, LoadedTable>();

  private constructor(ports: VaultPorts, header: VaultHeader, kek: KeyEncryptionKey) {
    this.#ports = ports;
    this.#header = header;
    this.#kek = kek;
    this.owner = { userId: header.userId, deviceId: header.deviceId };
  }

  /**
   * Makes a vault with what `fill` puts into it, in one commit: a crash leaves all of it or nothing. Throws
   * VAULT_EXISTS rather than overwrite one.
   */
  static async create(
    ports: VaultPorts,
    owner: VaultOwner,
    passphrase: string,
    seed: MasterSeed,
    fill: (tx: VaultTransaction) => void = () => undefined,
  ): Promise<Vault> {
    const { store, random, cost } = ports;
    if ((await store.readHeader()) !== undefined) throw new VaultError('VAULT_EXISTS');
    const deviceKey = await ports.deviceKeys.create();
    const kek = Secret.take('vault-kek', random(32));
    const header: VaultHeader = {
      format: 1,
      ...owner,
      deviceKey: deviceKey.stored,
      passphrase: await passphraseSlot(kek, passphrase, owner, deviceKey, cost, random),
      words: await wordsSlot(kek, seed, owner, deviceKey, random),
    };
    const vault = new Vault(ports, header, kek);
    const tx = vault.begin();
    fill(tx);
    const sealed = vault.seal(tx);
    await store.commit(sealed.writes, header);
    vault.apply(sealed);
    return vault;
  }

  /** Opens by passphrase: WRONG_PASSPHRASE, VAULT_MISSING, VAULT_DAMAGED. */
  static async open(ports: VaultPorts, passphrase: string): Promise<Vault> {
    const header = await readHeader(ports.store);
    const deviceKey = ports.deviceKeys.restore(header.deviceKey);
    return Vault.#load(ports, header, await openPassphraseSlot(header, passphrase, deviceKey));
  }

  /** Opens by the recovery words and sets a new passphrase. Throws WRONG_WORDS. */
  static async openWithWords(ports: VaultPorts, seed: MasterSeed, passphrase: string): Promise<Vault> {
    const header = await readHeader(ports.store);
    const deviceKey = ports.deviceKeys.restore(header.deviceKey);
    const vault = await Vault.#load(ports, header, await openWordsSlot(header, seed, deviceKey));
    await vault.setPassphrase(passphrase);
    return vault;
  }

  static async #load(ports: VaultPorts, header: VaultHeader, kek: KeyEncryptionKey): Promise<Vault> {
    const vault = new Vault(ports, header, kek);
    for (const record of await ports.store.loadAll())
      vault.#table(record.table).records.set(record.key, record);
    return vault;
  }

  /** Re-wraps the key under a new passphrase; records stay as they are. */
  async setPassphrase(passphrase: string): Promise<void> {
    const { store, random, cost, deviceKeys } = this.#ports;
    const deviceKey = deviceKeys.restore(this.#header.deviceKey);
    const slot = await passphraseSlot(this.#kek, passphrase, this.owner, deviceKey, cost, random);
    const header = { ...this.#header, passphrase: slot };
    await store.commit([], header);
    this.#header = header;
  }

  /** Throws WRONG_PASSPHRASE unless this passphrase opens the vault. */
  async checkPassphrase(passphrase: string): Promise<void> {
    const deviceKey = this.#ports.deviceKeys.restore(this.#header.deviceKey);
    const kek = await openPassphraseSlot(this.#header, passphrase, deviceKey);
    kek.wipe();
  }

  /** The page's sealed data. Its keys go with the vault's: after `close` it answers VAULT_LOCKED. */
  get local(): LocalRecords {
    const { store, random } = this.#ports;
    return new LocalRecords({ store: store.local, random, seal: (table) => this.#table(table).seal });
  }

  begin(): VaultTransaction {
    return new VaultTransaction({
      read: (table, name) => this.#read(table, name),
      scan: (table) => this.#scan(table),
    });
  }

  /** Writes that make the transaction durable. Nothing in memory changes before `apply`. */
  seal(transaction: VaultTransaction): SealedTransaction {
    const changes = [...transaction.changes()];
    const writes = changes.map((change) => this.#sealChange(change));
    return { changes, writes };
  }

  /** Takes over what `seal` made, after the store has committed it. */
  apply({ changes, writes }: SealedTransaction): void {
    changes.forEach((change, i) => {
      const loaded = this.#table(change.table.name);
      const write = writes[i];
      const before = loaded.cache.get(change.name);
      if (write?.kind === 'put') {
        loaded.records.set(write.record.key, write.record);
        if (change.table.cached) loaded.cache.set(change.name, change.value);
      } else if (write?.kind === 'delete') {
        loaded.records.delete(write.key);
        loaded.cache.delete(change.name);
      }
      if (before !== undefined && change.kind === 'delete') change.table.wipe?.(before);
    });
  }

  /** Seals, commits and applies in one go. */
  async commit(transaction: VaultTransaction): Promise<void> {
    const sealed = this.seal(transaction);
    if (sealed.writes.length === 0) return;
    await this.#ports.store.commit(sealed.writes);
    this.apply(sealed);
  }

  /** Forgets every key and value; the vault cannot be used afterwards. */
  close(): void {
    this.#kek.wipe();
    for (const { seal, records, cache, wipe } of this.#tables.values()) {
      seal.wipe();
      if (wipe !== undefined) for (const value of cache.values()) wipe(value);
      records.clear();
      cache.clear();
    }
    this.#tables.clear();
  }

  #sealChange(change: Change): StoreWrite {
    const loaded = this.#table(change.table.name);
    const key = loaded.seal.keyOf(change.name);
    if (change.kind === 'delete') return { kind: 'delete', table: change.table.name, key };
    const version = (loaded.records.get(key)?.version ?? 0) + 1;
    const bytes = change.table.encode(change.value);
    const record = loaded.seal.seal(change.name, version, bytes, this.#ports.random);
    bytes.fill(0);
    return { kind: 'put', record };
  }

  #read<T>(table: Table<T>, name: string): T | undefined {
    const loaded = this.#table(table.name);
    // The cache of a table holds what this very codec decoded.
    if (table.cached && loaded.cache.has(name)) return loaded.cache.get(name) as T;
    const record = loaded.records.get(loaded.seal.keyOf(name));
    return record === undefined ? undefined : this.#decode(table, loaded, record)[1];
  }

  #scan<T>(table: Table<T>): [string, T][] {
    const loaded = this.#table(table.name);
    if (table.cached && loaded.complete) return [...loaded.cache] as [string, T][];
    const entries = [...loaded.records.values()].map((record) => this.#decode(table, loaded, record));
    if (table.cached) loaded.complete = true;
    return entries;
  }

  #decode<T>(table: Table<T>, loaded: LoadedTable, record: StoredRecord): [string, T] {
    const { name, value } = loaded.seal.open(record);
    if (table.cached && loaded.cache.has(name)) return [name, loaded.cache.get(name) as T];
    let decoded: T;
    try {
      decoded = table.decode(value);
    } catch {
      throw new VaultError('VAULT_DAMAGED', `a value of ${table.name}`);
    }
    value.fill(0);
    if (table.cached) {
      loaded.cache.set(name, decoded);
      loaded.wipe ??= table.wipe as ((value: unknown) => void) | undefined;
    }
    return [name, decoded];
  }

  #table(name: string): LoadedTable {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    if (this.#kek.wiped) throw new VaultError('VAULT_LOCKED');
    const loaded: LoadedTable = {
      wipe: undefined,
      seal: new TableSeal(this.#kek, name),
      records: new Map(),
      cache: new Map(),
      complete: false,
    };
    this.#tables.set(name, loaded);
    return loaded;
  }
}

export type SealedTransaction = {
  readonly changes: readonly Change[];
  readonly writes: readonly StoreWrite[];
};

async function readHeader(store: RecordStore): Promise<VaultHeader> {
  const stored: StoredHeader | undefined = await store.readHeader();
  if (stored === undefined) throw new VaultError('VAULT_MISSING');
  return parseHeader(stored);
}
