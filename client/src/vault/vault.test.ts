import 'fake-indexeddb/auto';
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { IDBFactory } from 'fake-indexeddb';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../crypto/primitives/bytes.ts';
import { systemRandom } from '../crypto/primitives/random.ts';
import { Secret } from '../crypto/primitives/secret.ts';
import { loadSodium } from '../crypto/primitives/sodium.ts';
import { openIndexedDbStore } from './indexeddb-store.ts';
import { seedToWords, wordsToSeed } from './recovery-words.ts';
import type { RecordStore, StoredRecord } from './record-store.ts';
import { jsonTable, type Table } from './table.ts';
import { Vault, type VaultPorts } from './vault.ts';
import { webCryptoDeviceKeys } from './webcrypto-device-key.ts';

const COST = { passes: 1, memoryKiB: 64 };
const OWNER = { userId: '@alice:one.test', deviceId: 'PHONE' };
const NOTES = jsonTable<{ readonly text: string }>('notes');
const KEYS: Table<Uint8Array> = {
  name: 'keys',
  encode: (value) => value.slice(),
  decode: (bytes) => bytes.slice(),
  cached: false,
};

let store: RecordStore;
let ports: VaultPorts;
const seed = () => Secret.copy('master-seed', new Uint8Array(32).fill(7));

beforeAll(loadSodium);
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  store = await openIndexedDbStore('vault');
  ports = {
    store,
    deviceKeys: webCryptoDeviceKeys(crypto.subtle, systemRandom),
    random: systemRandom,
    cost: COST,
  };
});

const write = async (vault: Vault, name: string, text: string) => {
  const tx = vault.begin();
  tx.put(NOTES, name, { text });
  await vault.commit(tx);
};

describe('recovery words', () => {
  it('agree with the reference implementation of BIP 39 in both directions', () => {
    for (let i = 0; i < 50; i++) {
      const bytes = systemRandom(32);
      const words = seedToWords(Secret.copy('master-seed', bytes));
      expect(words.join(' ')).toBe(entropyToMnemonic(bytes, wordlist));
      expect(wordsToSeed(words).expose()).toEqual(mnemonicToEntropy(words.join(' '), wordlist));
    }
  });

  it('refuse a wrong word, count or checksum by name', () => {
    const words = seedToWords(seed());
    expect(() => wordsToSeed(words.slice(1))).toThrow('BAD_WORDS');
    expect(() => wordsToSeed([...words.slice(0, 23), 'xyzzy'])).toThrow('BAD_WORDS');
    const swapped = [words[1] ?? '', ...words.slice(1)];
    expect(() => wordsToSeed(swapped)).toThrow('BAD_WORDS');
  });
});

describe('vault', () => {
  it('gives back what was committed after it was closed and opened again', async () => {
    const vault = await Vault.create(ports, OWNER, 'open sesame', seed());
    await write(vault, 'a', 'first');
    await write(vault, 'a', 'second');
    vault.close();
    const again = await Vault.open(ports, 'open sesame');
    expect(again.owner).toEqual(OWNER);
    expect(again.begin().get(NOTES, 'a')).toEqual({ text: 'second' });
    expect(again.begin().entries(NOTES)).toEqual([['a', { text: 'second' }]]);
  });

  it('opens only with the right passphrase or the right words', async () => {
    const vault = await Vault.create(ports, OWNER, 'open sesame', seed());
    await write(vault, 'a', 'text');
    await expect(Vault.open(ports, 'open sesam')).rejects.toThrow('WRONG_PASSPHRASE');
    const other = Secret.copy('master-seed', new Uint8Array(32).fill(8));
    await expect(Vault.openWithWords(ports, other, 'new')).rejects.toThrow('WRONG_WORDS');
    const opened = await Vault.openWithWords(ports, seed(), 'new');
    expect(opened.begin().get(NOTES, 'a')).toEqual({ text: 'text' });
    await expect(Vault.open(ports, 'open sesame')).rejects.toThrow('WRONG_PASSPHRASE');
    await expect(Vault.open(ports, 'new')).resolves.toBeInstanceOf(Vault);
  });

  it('does not overwrite a vault, and says when there is none', async () => {
    await expect(Vault.open(ports, 'x')).rejects.toThrow('VAULT_MISSING');
    await Vault.create(ports, OWNER, 'x', seed());
    await expect(Vault.create(ports, OWNER, 'y', seed())).rejects.toThrow('VAULT_EXISTS');
  });

  it('keeps a dropped transaction invisible and a nested one separate', async () => {
    const vault = await Vault.create(ports, OWNER, 'x', seed());
    await write(vault, 'kept', 'old');
    const tx = vault.begin();
    tx.put(NOTES, 'kept', { text: 'new' });
    const inner = tx.nested();
    inner.delete(NOTES, 'kept');
    expect(inner.get(NOTES, 'kept')).toBeUndefined();
    expect(tx.get(NOTES, 'kept')).toEqual({ text: 'new' });
    expect(vault.begin().get(NOTES, 'kept')).toEqual({ text: 'old' });
    tx.merge(inner);
    await vault.commit(tx);
    expect(vault.begin().get(NOTES, 'kept')).toBeUndefined();
  });

  it('stolen while locked shows no window of a private key, of the seed or of a name', async () => {
    const vault = await Vault.create(ports, OWNER, 'open sesame', seed());
    const secret = systemRandom(32);
    const tx = vault.begin();
    tx.put(KEYS, '@bob:two.test', secret);
    await vault.commit(tx);
    const records = await store.loadAll();
    const header = (await store.readHeader()) as Record<string, { body?: Uint8Array; salt?: Uint8Array }>;
    const slots = Object.values(header).flatMap((slot) => [slot.body, slot.salt]);
    const dump = [...records.map((r) => r.body), ...slots].filter((b) => b instanceof Uint8Array);
    expect(dump.length).toBeGreaterThan(3);
    for (const bytes of dump)
      for (const hidden of [secret, seed().expose(), utf8('@bob:two.test')])
        expect(Buffer.from(bytes).includes(Buffer.from(hidden.subarray(0, 8)))).toBe(false);
    expect(JSON.stringify(records.map((r) => r.key))).not.toContain('bob');
    expect((header.deviceKey as unknown as CryptoKey).extractable).toBe(false);
  });

  it('names the damage for every flipped byte, moved record and older version', async () => {
    const vault = await Vault.create(ports, OWNER, 'x', seed());
    await write(vault, 'a', 'one');
    const [first] = await store.loadAll();
    await write(vault, 'a', 'two');
    await write(vault, 'b', 'other');
    const records = await store.loadAll();
    const a = records.find((r) => r.key === first?.key);
    const b = records.find((r) => r.key !== first?.key);
    if (a === undefined || b === undefined) throw new Error('two records expected');
    const reads = async (record: StoredRecord) => {
      await store.commit([{ kind: 'put', record }]);
      const opened = await Vault.open(ports, 'x');
      try {
        return opened.begin().get(NOTES, 'a')?.text;
      } finally {
        opened.close();
      }
    };
    for (let i = 0; i < a.body.length; i++) {
      const body = a.body.slice();
      body[i] = (body[i] ?? 0) ^ 1;
      await expect(reads({ ...a, body })).rejects.toThrow('VAULT_DAMAGED');
    }
    await expect(reads({ ...b, key: a.key })).rejects.toThrow('VAULT_DAMAGED');
    await expect(reads({ ...a, version: 1 })).rejects.toThrow('VAULT_DAMAGED');
    await expect(reads({ ...a, body: a.body.subarray(0, 20) })).rejects.toThrow('VAULT_DAMAGED');
    expect(await reads(a)).toBe('two');
  });

  it('names the damage for every flipped byte of the slots that unwrap its key', async () => {
    const vault = await Vault.create(ports, OWNER, 'x', seed());
    await write(vault, 'a', 'kept');
    vault.close();
    const header = (await store.readHeader()) as {
      readonly passphrase: { readonly body: Uint8Array; readonly salt: Uint8Array };
      readonly words: { readonly body: Uint8Array };
    };
    const flip = (bytes: Uint8Array, at: number): Uint8Array =>
      bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
    const { passphrase, words } = header;
    for (const part of ['body', 'salt'] as const)
      for (let at = 0; at < passphrase[part].length; at++) {
        await store.commit([], {
          ...header,
          passphrase: { ...passphrase, [part]: flip(passphrase[part], at) },
        });
        await expect(Vault.open(ports, 'x')).rejects.toThrow('WRONG_PASSPHRASE');
      }
    for (let at = 0; at < words.body.length; at++) {
      await store.commit([], { ...header, words: { body: flip(words.body, at) } });
      await expect(Vault.openWithWords(ports, seed(), 'x')).rejects.toThrow('WRONG_WORDS');
    }
    await store.commit([], header);
    expect((await Vault.open(ports, 'x')).begin().get(NOTES, 'a')).toEqual({ text: 'kept' });
  });

  it('cannot be read after it is closed', async () => {
    const vault = await Vault.create(ports, OWNER, 'x', seed());
    await write(vault, 'a', 'text');
    vault.close();
    expect(() => vault.begin().get(NOTES, 'a')).toThrow('VAULT_LOCKED');
  });
});

it('a table decodes what it encoded', () => {
  expect(fromUtf8(NOTES.encode({ text: 'é' }))).toBe('{"text":"é"}');
});
