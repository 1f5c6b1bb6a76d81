/**
 * How a record is sealed: `nonce 24 | XChaCha20-Poly1305(HKDF(KEK, "store/" + table), aad = table | key | version)`
 * (e2ee.md section 1). The record's name is inside; outside stands a keyed hash of it, so that a stolen locked vault
 * does not even tell whom its owner talks to.
 */
import { toBase64Url } from '../crypto/primitives/base64.ts';
import { concat, utf8 } from '../crypto/primitives/bytes.ts';
import { Reader, Writer } from '../crypto/primitives/codec.ts';
import { blake2b } from '../crypto/primitives/hash.ts';
import { hkdfSha256 } from '../crypto/primitives/hkdf.ts';
import type { Random } from '../crypto/primitives/random.ts';
import { Secret, wipeAll } from '../crypto/primitives/secret.ts';
import { XCHACHA_NONCE_BYTES, xchachaOpen, xchachaSeal } from '../crypto/primitives/xchacha.ts';
import { VaultError } from './errors.ts';
import type { StoredRecord } from './record-store.ts';

const KEY_BYTES = 32;
const NAME_HASH_BYTES = 16;
const MAX_KEYS_KEPT = 256;
const MAX_NAME_BYTES = 1024;
/** Largest plaintext of one record. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

export type KeyEncryptionKey = Secret<'vault-kek'>;
export type OpenedRecord = { readonly name: string; readonly value: Uint8Array };

/** The keys of one table: one seals, the other hides names. */
export class TableSeal {
  readonly #table: string;
  readonly #seal: Secret<'table-key'>;
  readonly #names: Secret<'table-names'>;
  /** Hashes made lately: what is read is mostly written again in the same operation. */
  readonly #keys = new Map<string, string>();

  constructor(kek: KeyEncryptionKey, table: string) {
    this.#table = table;
    const keys = hkdfSha256({
      ikm: kek.expose(),
      info: utf8(`chat.nyx/store/${table}`),
      length: 2 * KEY_BYTES,
    });
    this.#seal = Secret.copy('table-key', keys.subarray(0, KEY_BYTES));
    this.#names = Secret.copy('table-names', keys.subarray(KEY_BYTES));
    keys.fill(0);
  }

  /** The name under which the store files a record. */
  keyOf(name: string): string {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = toBase64Url(blake2b(NAME_HASH_BYTES, utf8(name), this.#names.expose()));
    if (this.#keys.size >= MAX_KEYS_KEPT) this.#keys.clear();
    this.#keys.set(name, key);
    return key;
  }

  seal(name: string, version: number, value: Uint8Array, random: Random): StoredRecord {
    const key = this.keyOf(name);
    const plain = new Writer(value.length + name.length + 16).text(name).bytes(value).finish();
    const nonce = random(XCHACHA_NONCE_BYTES);
    const aad = this.#aad(key, version);
    const body = concat(nonce, xchachaSeal({ key: this.#seal.expose(), nonce, aad }, plain));
    plain.fill(0);
    return { table: this.#table, key, version, body };
  }

  /** Throws VAULT_DAMAGED unless the record is one that `seal` made for this table, key and version. */
  open(record: StoredRecord): OpenedRecord {
    try {
      const nonce = record.body.subarray(0, XCHACHA_NONCE_BYTES);
      const aad = this.#aad(record.key, record.version);
      const sealed = record.body.subarray(XCHACHA_NONCE_BYTES);
      const plain = xchachaOpen({ key: this.#seal.expose(), nonce, aad }, sealed);
      const reader = new Reader(plain);
      const opened = { name: reader.text(MAX_NAME_BYTES), value: reader.bytes(MAX_RECORD_BYTES) };
      reader.end();
      plain.fill(0);
      return opened;
    } catch (error) {
      if (error instanceof VaultError) throw error;
      throw new VaultError('VAULT_DAMAGED', `a record of ${this.#table}`);
    }
  }

  wipe(): void {
    wipeAll([this.#seal, this.#names]);
    this.#keys.clear();
  }

  #aad(key: string, version: number): Uint8Array {
    return new Writer(64).text(this.#table).text(key).u64(version).finish();
  }
}
