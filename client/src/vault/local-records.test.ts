import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { openDB } from 'idb';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineHost } from '../crypto/engine/engine-host.ts';
import { systemRandom } from '../crypto/primitives/random.ts';
import { loadSodium } from '../crypto/primitives/sodium.ts';
import { openIndexedDbStore } from './indexeddb-store.ts';
import { MAX_LOCAL_VALUE_BYTES, type LocalEntry } from './local-records.ts';
import type { StoredRecord } from './record-store.ts';
import { webCryptoDeviceKeys } from './webcrypto-device-key.ts';

const DATABASE = 'vault';
const PASSPHRASE = 'open sesame';

const host = (): EngineHost =>
  new EngineHost({
    openStore: () => openIndexedDbStore(DATABASE),
    deviceKeys: webCryptoDeviceKeys(crypto.subtle, systemRandom),
    random: systemRandom,
    now: () => Date.UTC(2026, 5, 1),
    cost: { passes: 1, memoryKiB: 64 },
    after: () => () => undefined,
    yieldNow: () => Promise.resolve(),
  });

let engine: EngineHost;

beforeAll(loadSodium);
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  engine = host();
  await engine.call('createVault', { userId: '@alice:one.test', deviceId: 'D', passphrase: PASSPHRASE });
});

/** What lies on the disk, as a thief sees it. */
async function disk(): Promise<StoredRecord[]> {
  const db = await openDB(DATABASE);
  const records = (await db.getAll('local')) as StoredRecord[];
  db.close();
  return records;
}

async function overwrite(record: StoredRecord): Promise<void> {
  const db = await openDB(DATABASE);
  await db.put('local', record);
  db.close();
}

const draft = (key: string, text: string): LocalEntry => ({
  key,
  value: { text, mentions: [['Bob', '@bob']] },
});
const byKey = (entries: readonly LocalEntry[]) => Object.fromEntries(entries.map((e) => [e.key, e.value]));

describe("the page's own data", () => {
  it('comes back after a restart, by key and as a whole, each collection by itself', async () => {
    const [one, two] = [draft('!a:one.test', 'half a thought'), draft('!b:one.test', 'another')];
    await engine.call('localPut', { collection: 'drafts', put: [one, two] });
    await engine.call('localPut', { collection: 'outbox', put: [{ key: one.key, value: 'unsent' }] });
    await engine.close();
    engine = host();
    await engine.call('unlock', { passphrase: PASSPHRASE });
    const { entries } = await engine.call('localGet', { collection: 'drafts', keys: [one.key, 'nothing'] });
    expect(entries).toEqual([one]);
    const all = await engine.call('localList', { collection: 'drafts' });
    expect(byKey(all.entries)).toEqual(byKey([one, two]));
    expect(all.next).toBeUndefined();
    const outbox = await engine.call('localList', { collection: 'outbox' });
    expect(outbox.entries).toEqual([{ key: one.key, value: 'unsent' }]);
  });

  it('is replaced, removed and emptied', async () => {
    const put = [draft('a', 'one'), draft('b', 'two'), draft('c', 'three')];
    await engine.call('localPut', { collection: 'drafts', put });
    await engine.call('localPut', { collection: 'search', put });
    await engine.call('localPut', { collection: 'drafts', put: [draft('a', 'new')], remove: ['b'] });
    const left = await engine.call('localList', { collection: 'drafts' });
    expect(byKey(left.entries)).toEqual(byKey([draft('a', 'new'), draft('c', 'three')]));
    await engine.call('localClear', { collection: 'drafts' });
    expect((await engine.call('localList', { collection: 'drafts' })).entries).toEqual([]);
    expect((await engine.call('localList', { collection: 'search' })).entries).toHaveLength(3);
  });

  it('is listed in pages that miss nothing and repeat nothing', async () => {
    const put = Array.from({ length: 103 }, (_, i) => ({ key: `token ${i}`, value: [i] }));
    await engine.call('localPut', { collection: 'search', put });
    const seen: LocalEntry[] = [];
    let after: string | undefined;
    do {
      const page: { entries: readonly LocalEntry[]; next?: string } = await engine.call('localList', {
        ...{ collection: 'search', limit: 10 },
        ...(after === undefined ? {} : { after }),
      });
      seen.push(...page.entries);
      after = page.next;
    } while (after !== undefined);
    expect(seen).toHaveLength(103);
    expect(byKey(seen)).toEqual(byKey(put));
  });

  it('lies on the disk sealed: neither names nor words nor exact lengths', async () => {
    const put = [draft('!secretroom:one.test', 'the eagle has landed'), draft('!x:one.test', 'ok')];
    await engine.call('localPut', { collection: 'drafts', put });
    const records = await disk();
    expect(records).toHaveLength(2);
    const dump = records
      .map((r) => `${r.table} ${r.key} ${Buffer.from(r.body).toString('latin1')}`)
      .join('\n');
    for (const word of ['secretroom', 'eagle', 'landed', 'Bob', 'text'])
      for (const form of [
        word,
        Buffer.from(word).toString('base64').slice(0, -2),
        Buffer.from(word).toString('hex'),
      ])
        expect(dump).not.toContain(form);
    expect(Buffer.from(dump, 'latin1').includes(Buffer.from('eagle', 'utf16le'))).toBe(false);
    // Names are of the same length here but for the room's: the texts' lengths are rounded up alike.
    const lengths = records.map((r) => r.body.length).sort((a, b) => a - b);
    expect((lengths[1] ?? 0) - (lengths[0] ?? 0)).toBe('!secretroom:one.test'.length - '!x:one.test'.length);
  });

  it('names the damage for every flipped byte and for a record in another place', async () => {
    await engine.call('localPut', { collection: 'drafts', put: [draft('a', 'one'), draft('b', 'two')] });
    await engine.call('localPut', { collection: 'outbox', put: [draft('a', 'sent')] });
    const records = await disk();
    const of = async (key: string): Promise<StoredRecord> => {
      await engine.call('localPut', { collection: 'drafts', put: [draft(key, key)] });
      const now = await disk();
      const changed = now.find((r) =>
        records.every((old) => !Buffer.from(old.body).equals(Buffer.from(r.body))),
      );
      if (changed === undefined) throw new Error('nothing was written');
      return changed;
    };
    const a = await of('a');
    const read = () => engine.call('localGet', { collection: 'drafts', keys: ['a'] });
    for (let i = 0; i < a.body.length; i++) {
      const body = a.body.slice();
      body[i] = (body[i] ?? 0) ^ 1;
      await overwrite({ ...a, body });
      await expect(read()).rejects.toMatchObject({ code: 'VAULT_DAMAGED' });
    }
    for (const other of records.filter((r) => r.table !== a.table || r.key !== a.key)) {
      await overwrite({ ...other, table: a.table, key: a.key });
      await expect(read()).rejects.toMatchObject({ code: 'VAULT_DAMAGED' });
    }
    await overwrite(a);
    expect((await read()).entries).toEqual([draft('a', 'a')]);
  });

  it('refuses what it cannot keep, and then keeps nothing of it', async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const bad: [unknown, string][] = [
      ['x'.repeat(MAX_LOCAL_VALUE_BYTES), 'VALUE_TOO_LARGE'],
      [undefined, 'BAD_MESSAGE'],
      [cycle, 'BAD_MESSAGE'],
      [10n, 'BAD_MESSAGE'],
    ];
    for (const [value, code] of bad) {
      const put = [draft('good', 'text'), { key: 'bad', value }];
      await expect(engine.call('localPut', { collection: 'drafts', put })).rejects.toMatchObject({ code });
    }
    await expect(engine.call('localGet', { collection: 'drafts', keys: [''] })).rejects.toMatchObject({
      code: 'BAD_MESSAGE',
    });
    await expect(
      engine.call('localGet', { collection: 'records' as 'drafts', keys: ['a'] }),
    ).rejects.toMatchObject({
      code: 'BAD_MESSAGE',
    });
    expect(await disk()).toEqual([]);
  });

  it('is out of reach while locked, and gone when the vault is destroyed', async () => {
    await engine.call('localPut', { collection: 'drafts', put: [draft('a', 'one')] });
    const reading = engine.call('localList', { collection: 'drafts' });
    await engine.call('lock', {});
    // Asked before the lock and answered after it: an answer or a refusal, never a half-open record.
    await reading.catch((error: unknown) => expect(error).toMatchObject({ code: 'VAULT_LOCKED' }));
    for (const call of [
      engine.call('localGet', { collection: 'drafts', keys: ['a'] }),
      engine.call('localList', { collection: 'drafts' }),
      engine.call('localPut', { collection: 'drafts', put: [draft('a', 'two')] }),
      engine.call('localClear', { collection: 'drafts' }),
    ])
      await expect(call).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    expect(await disk()).toHaveLength(1);
    await engine.call('destroyVault', {});
    expect(await disk()).toEqual([]);
  });

  it('is unreadable to a vault made anew, and a database of the first version is brought up to date', async () => {
    globalThis.indexedDB = new IDBFactory();
    const old = await openDB(DATABASE, 1, {
      upgrade(db) {
        db.createObjectStore('records', { keyPath: ['table', 'key'] });
        db.createObjectStore('header');
      },
    });
    await old.put('records', { table: 't', key: 'k', version: 1, body: new Uint8Array(3) });
    old.close();
    const store = await openIndexedDbStore(DATABASE);
    expect(await store.loadAll()).toHaveLength(1);
    expect(await store.local.list('local/drafts', undefined, 10)).toEqual([]);
    store.close();
  });
});
