import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer } from '../../src/testing/create-test-server.ts';
import { MongoPrekeyStore } from '../../src/storage/mongo/keys/mongo-prekey-store.ts';

const OTK = 'chat.nyx.otk.v1';
const SPK = 'chat.nyx.spk.v1';
const KEYS = 120;
/** Claims of each of two stores: together more than there are keys. */
const CLAIMS = 70;

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server.close());

it('gives no key to two claims of two processes that deal out the same stock, and repeats each answer', async () => {
  const { db, platform } = server.server.context.foundation;
  const device = { userId: '@target:example.org', deviceId: 'DEVICE' };
  const name = `${device.userId}\n${device.deviceId}`;
  await db.collection('oneTimeKeys').insertMany(
    Array.from({ length: KEYS }, (_, order) => ({
      _id: new mongoose.mongo.ObjectId(),
      device: name,
      algorithm: OTK,
      keyId: `${OTK}:${order}`,
      order,
      batch: 'batch',
      json: '{"key":"AAAA"}',
    })),
  );
  await db.collection<{ _id: string }>('fallbackKeys').insertOne({
    _id: `${name}\n${SPK}`,
    ...{ device: name, algorithm: SPK, keyId: `${SPK}:1`, json: '{"key":"BBBB"}', used: false },
  });
  const stores = [1, 2].map(() => new MongoPrekeyStore({ db, clock: platform.clock }));
  const claim = async (store: MongoPrekeyStore | undefined, txnId: string): Promise<string> => {
    const repeat = { claimer: '@claimer:example.org', txnId };
    const keys = await store?.takeBundle({ device, algorithms: [OTK, SPK], repeat, fallbackOnly: false });
    return (keys ?? []).map(({ keyId }) => keyId).join(' ');
  };
  const txnIds = stores.flatMap((_, place) => Array.from({ length: CLAIMS }, (__, at) => `${place}.${at}`));
  const claimAll = (shift: number) =>
    Promise.all(txnIds.map((txnId) => claim(stores[(Number(txnId[0]) + shift) % 2], txnId)));
  const answers = await claimAll(0);
  const oneTime = answers.filter((answer) => answer !== `${SPK}:1`);
  expect(oneTime).toHaveLength(KEYS);
  expect(new Set(oneTime).size).toBe(KEYS);
  for (const answer of oneTime) expect(answer).toMatch(/^chat\.nyx\.otk\.v1:\d+ chat\.nyx\.spk\.v1:1$/);
  // Each answer again, by the other process.
  expect(await claimAll(1)).toEqual(answers);
  expect(await stores[0]?.stock(device)).toEqual({ oneTime: {}, unusedFallback: [] });
});
