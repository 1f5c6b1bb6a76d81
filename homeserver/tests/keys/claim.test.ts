import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { makeDevice } from './signing-device.ts';

const UPLOAD = '/_matrix/client/v3/keys/upload';
const CLAIM = '/_matrix/client/v3/keys/claim';
const BUNDLE = '/_matrix/client/unstable/org.matrix.msc3983/keys/claim';
const ALGORITHM = 'signed_curve25519';

const REPEATS = process.env.NYX_TEST_LONG ? 2_000 : 50;
const KEYS = 100;
const CLAIMERS = 50;

/** The one key id of a claim's answer for a device; undefined when there was none. */
const claimedId = (answer: Record<string, never>, { userId, deviceId }: TestUser): string | undefined => {
  const byKey = answer.one_time_keys?.[userId]?.[deviceId] as Record<string, unknown> | undefined;
  return byKey === undefined ? undefined : Object.keys(byKey)[0];
};

const claimOf = ({ userId, deviceId }: TestUser, algorithm: string | string[] = ALGORITHM) => ({
  one_time_keys: { [userId]: { [deviceId]: algorithm } },
});

describe('claiming one-time keys', () => {
  let first: TestServer;
  let second: TestServer;
  let alice: TestUser;

  beforeAll(async () => {
    first = await createTestServer();
    second = await createTestServer({ sameAs: first });
    alice = await first.register('alice');
  });

  afterAll(async () => {
    await second.close();
    await first.close();
  });

  it(`hands out each of ${KEYS} keys once over two servers, in upload order, ${REPEATS} times`, async () => {
    const claimers = await Promise.all(
      Array.from({ length: CLAIMERS }, (_, index) =>
        (index % 2 === 0 ? first : second).register(`claimer${index}`),
      ),
    );
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const target = await first.login(alice);
      const device = makeDevice(target);
      const keys = device.oneTimeKeys(KEYS, `r${repeat}k`);
      const uploaded = await target.ok('POST', UPLOAD, {
        device_keys: device.deviceKeys(),
        one_time_keys: keys,
        fallback_keys: device.fallbackKey(`fallback${repeat}`),
      });
      expect(uploaded.one_time_key_counts).toEqual({ [ALGORITHM]: KEYS });
      const sequences = await Promise.all(
        claimers.map(async (claimer) => {
          const ids: (string | undefined)[] = [];
          for (let round = 0; round < KEYS / CLAIMERS + 1; round += 1)
            ids.push(claimedId(await claimer.ok('POST', CLAIM, claimOf(target)), target));
          return ids;
        }),
      );
      const all = sequences.flat();
      const oneTime = all.filter((id) => id !== `${ALGORITHM}:fallback${repeat}`);
      expect(oneTime.toSorted()).toEqual(Object.keys(keys).toSorted());
      expect(all.length - oneTime.length).toBe(CLAIMERS);
      // What one claimer got later was uploaded later, and the fallback key came last.
      for (const ids of sequences) {
        const order = ids.map((id) => Object.keys(keys).indexOf(id ?? '')).map((at) => (at < 0 ? KEYS : at));
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }
      const after = await target.ok('POST', UPLOAD, {});
      expect(after.one_time_key_counts).toEqual({});
    }
  }, 600_000);

  it('remembers spent ids, but forgives the repeat of an upload whose answer was lost', async () => {
    const target = await first.login(alice);
    const device = makeDevice(target);
    const upload = { device_keys: device.deviceKeys(), one_time_keys: device.oneTimeKeys(3, 'spent') };
    await target.ok('POST', UPLOAD, upload);
    const [oldest = ''] = Object.keys(upload.one_time_keys);
    expect(claimedId(await alice.ok('POST', CLAIM, claimOf(target)), target)).toBe(oldest);
    const alone = await target.request('POST', UPLOAD, {
      body: { one_time_keys: { [oldest]: upload.one_time_keys[oldest] } },
    });
    expect([alone.status, alone.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    const other = await target.request('POST', UPLOAD, {
      body: { one_time_keys: { [oldest]: device.oneTimeKey('another') } },
    });
    expect(other.status).toBe(400);
    expect((await target.ok('POST', UPLOAD, upload)).one_time_key_counts).toEqual({ [ALGORITHM]: 2 });
    const mixed = { ...upload.one_time_keys, ...device.oneTimeKeys(1, 'fresh') };
    expect((await target.request('POST', UPLOAD, { body: { one_time_keys: mixed } })).status).toBe(400);
    expect((await target.ok('POST', UPLOAD, {})).one_time_key_counts).toEqual({ [ALGORITHM]: 2 });
  });

  it('answers a bundle claim once and repeats the answer under its transaction id', async () => {
    const target = await first.login(alice);
    const device = makeDevice(target);
    await target.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(2, 'bundle', 'chat.nyx.otk.v1'),
      fallback_keys: device.fallbackKey('spk', 'chat.nyx.spk.v1'),
    });
    const claim = { ...claimOf(target, ['chat.nyx.otk.v1', 'chat.nyx.spk.v1']), txn_id: 'once' };
    const answer = await alice.ok('POST', BUNDLE, claim);
    const keys = answer.one_time_keys[target.userId][target.deviceId];
    expect(Object.keys(keys).toSorted()).toEqual(['chat.nyx.otk.v1:bundle0000', 'chat.nyx.spk.v1:spk']);
    expect(await alice.ok('POST', BUNDLE, claim)).toEqual(answer);
    const counts = await target.ok('POST', UPLOAD, {});
    expect(counts.one_time_key_counts).toEqual({ 'chat.nyx.otk.v1': 1 });
    const next = await alice.ok('POST', BUNDLE, { ...claim, txn_id: 'twice' });
    expect(Object.keys(next.one_time_keys[target.userId][target.deviceId])).toContain(
      'chat.nyx.otk.v1:bundle0001',
    );
  });

  it('gives the fallback key alone to who claims too often', async () => {
    await using limited = await createTestServer({
      config: { rateLimits: { enabled: true, claimDevice: { perSecond: 0.001, burst: 6 } } },
    });
    const owner = await limited.register('owner');
    const drainer = await limited.register('drainer');
    const device = makeDevice(owner);
    await owner.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(20, 'limit'),
      fallback_keys: device.fallbackKey('spare'),
    });
    const ids: (string | undefined)[] = [];
    for (let round = 0; round < 10; round += 1)
      ids.push(claimedId(await drainer.ok('POST', CLAIM, claimOf(owner)), owner));
    expect(ids.filter((id) => id === `${ALGORITHM}:spare`)).toHaveLength(4);
    expect((await owner.ok('POST', UPLOAD, {})).one_time_key_counts).toEqual({ [ALGORITHM]: 14 });
  });
});
