import 'fake-indexeddb/auto';
import { openDB } from 'idb';
import { beforeAll, expect, it } from 'vitest';
import { EngineHost } from '../crypto/engine/engine-host.ts';
import { systemRandom } from '../crypto/primitives/random.ts';
import { loadSodium } from '../crypto/primitives/sodium.ts';
import { openDatabase } from '../matrix/store/db.ts';
import { openIndexedDbStore } from '../vault/indexeddb-store.ts';
import { webCryptoDeviceKeys } from '../vault/webcrypto-device-key.ts';
import { sealLeftovers } from './seal-leftovers.ts';
import { sealedOutbox } from './sealed-store.ts';

const engine = new EngineHost({
  openStore: () => openIndexedDbStore('vault'),
  deviceKeys: webCryptoDeviceKeys(crypto.subtle, systemRandom),
  random: systemRandom,
  now: () => Date.UTC(2026, 5, 1),
  cost: { passes: 1, memoryKiB: 64 },
  after: () => () => undefined,
  yieldNow: () => Promise.resolve(),
});
const unsent = {
  txnId: 't1',
  roomId: '!r:one.test',
  kind: 'event',
  type: 'm.room.message',
  content: { msgtype: 'm.text', body: 'unsent words' },
  createdAt: 5,
  attempts: 1,
  state: 'failed',
  error: 'M_FORBIDDEN',
} as const;
const draft = { text: 'half a thought', replyTo: '$e', mentions: [['Bob', '@bob:one.test']] };

beforeAll(loadSodium);

it('seals what the first version kept in clear, once the vault is open, and erases it there', async () => {
  // The first version's stores, as far as they matter here.
  const before = await openDB('store', 1, {
    upgrade: (db) => {
      for (const name of ['meta', 'rooms']) db.createObjectStore(name);
      db.createObjectStore('outbox', { keyPath: 'txnId' });
      db.createObjectStore('drafts', { keyPath: 'key' });
    },
  });
  await before.put('outbox', unsent);
  await before.put('drafts', { key: '!r:one.test', value: draft });
  await before.put('drafts', { key: '!s:one.test', value: { text: 'another' } });
  before.close();

  const db = await openDatabase('store');
  const clear = async (): Promise<number> =>
    (await (db as unknown as typeof before).count('outbox')) +
    (await (db as unknown as typeof before).count('drafts'));
  // A closed vault takes nothing, and nothing is lost.
  await expect(sealLeftovers(db, engine)).rejects.toMatchObject({ code: 'VAULT_MISSING' });
  expect(await clear()).toBe(3);

  await engine.call('createVault', { userId: '@a:one.test', deviceId: 'D', passphrase: 'open sesame' });
  await sealLeftovers(db, engine);
  expect(await sealedOutbox(engine).load()).toEqual([unsent]);
  const { entries } = await engine.call('localGet', {
    collection: 'drafts',
    keys: ['!r:one.test', '!s:one.test'],
  });
  expect(new Map(entries.map(({ key, value }) => [key, value]))).toEqual(
    new Map<string, unknown>([
      ['!r:one.test', draft],
      ['!s:one.test', { text: 'another' }],
    ]),
  );
  expect(await clear()).toBe(0);
  db.close();

  const fresh = await openDatabase('made today');
  await sealLeftovers(fresh, engine);
  expect([...fresh.objectStoreNames]).not.toContain('outbox');
  fresh.close();
  await engine.close();
});
