import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { makeDevice } from './signing-device.ts';

const UPLOAD = '/_matrix/client/v3/keys/upload';
const CLAIM = '/_matrix/client/v3/keys/claim';
const BUNDLE = '/_matrix/client/unstable/org.matrix.msc3983/keys/claim';
const ALGORITHM = 'signed_curve25519';
const SYNC = '/_matrix/client/v3/sync';
/** Nothing of rooms: the counts are what is looked at. */
const QUIET = encodeURIComponent(JSON.stringify({ room: { rooms: [] }, presence: { types: [] } }));
/** Claims after which the owner looks at the counts. */
const SYNC_SHARE = 0.05;

const never = (): never => {
  throw new Error('no such device');
};

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

const LONG = process.env.NYX_TEST_LONG === undefined ? 50 : 2_000;
/** The long run can be cut into parts. */
const REPEATS = Number(process.env.NYX_TEST_REPEATS ?? LONG);
/** The long run tells how far it is. */
const REPORT_EVERY = 250;
/** Devices whose keys are claimed in turn. */
const TARGETS = 20;
/** Every so manieth claimer is on the other server. */
const FEDERATED_EVERY = 10;
/** Every so manieth claims by the form that takes a list, under a transaction id. */
const BUNDLED_EVERY = 3;
const KEYS = 100;
const CLAIMERS = 50;
/** Claims of each: all keys, and once more for everybody, when the stock is empty. */
const ROUNDS = KEYS / CLAIMERS + 1;
const SEED = Number(process.env.NYX_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Mulberry32: which claimer waits how long, the same for the same seed. */
const seeded = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** The one key id of a claim's answer for a device; undefined when there was none. */
const claimedId = (answer: Record<string, never>, { userId, deviceId }: TestUser): string | undefined => {
  const byKey = answer.one_time_keys?.[userId]?.[deviceId] as Record<string, unknown> | undefined;
  return byKey === undefined ? undefined : Object.keys(byKey)[0];
};

const claimOf = ({ userId, deviceId }: TestUser, algorithm: string | string[] = ALGORITHM) => ({
  one_time_keys: { [userId]: { [deviceId]: algorithm } },
});

describe('claiming one-time keys', () => {
  let federation: TestFederation;
  let first: TestServer;
  let second: TestServer;
  let other: TestServer;
  let alice: TestUser;

  beforeAll(async () => {
    federation = await createFederation(2);
    const [here, there] = federation.servers;
    if (here === undefined || there === undefined) throw new Error('no servers');
    [first, other] = [here, there];
    second = await createTestServer({
      sameAs: first,
      config: { federation: { extraCa: federation.caFile } },
    });
    alice = await first.register('alice');
  }, 120_000);

  afterAll(async () => {
    await second.close();
    await federation[Symbol.asyncDispose]();
  });

  it(`hands out each of ${KEYS} keys once over two processes and a federated server, in upload order, ${REPEATS} times`, async () => {
    console.info(`seed ${SEED}`);
    const random = seeded(SEED);
    const placeOf = (index: number) =>
      index % FEDERATED_EVERY === 0 ? other : index % 2 === 0 ? first : second;
    const claimers = await Promise.all(
      Array.from({ length: CLAIMERS }, (_, index) => placeOf(index).register(`claimer${index}`)),
    );
    const targets = await Promise.all(
      Array.from({ length: TARGETS }, async () => {
        const login = await first.login(alice);
        return { target: login, device: makeDevice(login) };
      }),
    );
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const { target, device } = targets[repeat % TARGETS] ?? never();
      const keys = device.oneTimeKeys(KEYS, `r${repeat}k`);
      const spare = `${ALGORITHM}:fallback${repeat}`;
      const uploaded = await target.ok('POST', UPLOAD, {
        device_keys: device.deviceKeys(),
        one_time_keys: keys,
        fallback_keys: device.fallbackKey(`fallback${repeat}`),
      });
      expect(uploaded.one_time_key_counts).toEqual({ [ALGORITHM]: KEYS });
      const countOn = async (server: TestServer): Promise<number> => {
        const answer = await server.request('GET', `${SYNC}?timeout=0&filter=${QUIET}`, {
          token: target.token,
        });
        return answer.body.device_one_time_keys_count[ALGORITHM] ?? 0;
      };
      let answered = 0;
      let asked = 0;
      const ids = await Promise.all(
        claimers.map(async (claimer, index) => {
          const own: (string | undefined)[] = [];
          for (let round = 0; round < ROUNDS; round += 1) {
            for (let pause = Math.floor(random() * 4); pause > 0; pause -= 1) await nextTurn();
            asked += 1;
            const answer =
              index % BUNDLED_EVERY === 0
                ? await claimer.ok('POST', BUNDLE, {
                    ...claimOf(target, [ALGORITHM]),
                    txn_id: `${repeat}.${round}`,
                  })
                : await claimer.ok('POST', CLAIM, claimOf(target));
            own.push(claimedId(answer, target));
            answered += 1;
            if (random() > SYNC_SHARE) continue;
            // What was answered before the sync is gone from its count, what was not asked by its end is still there.
            const gone = Math.min(answered, KEYS);
            const left = await countOn(random() < 0.5 ? first : second);
            expect(left).toBeLessThanOrEqual(KEYS - gone);
            expect(left).toBeGreaterThanOrEqual(KEYS - Math.min(asked, KEYS));
          }
          return own;
        }),
      );
      const all = ids.flat();
      const oneTime = all.filter((id) => id !== spare);
      expect(oneTime.toSorted()).toEqual(Object.keys(keys).toSorted());
      expect(all.length - oneTime.length).toBe(CLAIMERS * ROUNDS - KEYS);
      // What one claimer got later was uploaded later, and the fallback key came last.
      const place = new Map(Object.keys(keys).map((id, at) => [id, at]));
      for (const own of ids) {
        const order = own.map((id) => place.get(id ?? '') ?? KEYS);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }
      for (const server of [first, second]) expect(await countOn(server)).toBe(0);
      if ((repeat + 1) % REPORT_EVERY === 0) console.info(`${repeat + 1} of ${REPEATS} times`);
    }
  }, 7_200_000);

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

  it('gives two users with one transaction id two keys, here and from another server', async () => {
    for (const [claimers, mark] of [
      [[await first.register('same1'), await second.register('same2')], 'here'],
      [[await other.register('same3'), await other.register('same4')], 'there'],
    ] as const) {
      const target = await first.login(alice);
      const device = makeDevice(target);
      await target.ok('POST', UPLOAD, {
        device_keys: device.deviceKeys(),
        one_time_keys: device.oneTimeKeys(4, mark, 'chat.nyx.otk.v1'),
        fallback_keys: device.fallbackKey('spk', 'chat.nyx.spk.v1'),
      });
      const claim = { ...claimOf(target, ['chat.nyx.otk.v1', 'chat.nyx.spk.v1']), txn_id: '1' };
      const given = new Set<string>();
      for (const claimer of claimers) {
        const again: unknown[] = [];
        for (let times = 0; times < 3; times += 1) again.push(await claimer.ok('POST', BUNDLE, claim));
        expect(again).toEqual([again[0], again[0], again[0]]);
        given.add(JSON.stringify(again[0]));
      }
      expect(given.size).toBe(2);
      // Other devices of one user have their transaction ids to themselves as well.
      const [claimer] = claimers;
      const server = mark === 'here' ? first : other;
      given.add(JSON.stringify(await (await server.login(claimer)).ok('POST', BUNDLE, claim)));
      expect(given.size).toBe(3);
      expect((await target.ok('POST', UPLOAD, {})).one_time_key_counts).toEqual({ 'chat.nyx.otk.v1': 1 });
    }
  });

  it('answers a bundle claim that is made many times at once by one key', async () => {
    const target = await first.login(alice);
    const device = makeDevice(target);
    await target.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(3, 'race', 'chat.nyx.otk.v1'),
      fallback_keys: device.fallbackKey('spk', 'chat.nyx.spk.v1'),
    });
    const claim = { ...claimOf(target, ['chat.nyx.otk.v1', 'chat.nyx.spk.v1']), txn_id: 'race' };
    for (const server of [first, other]) {
      const claimer = await server.register('racer');
      const places = server === first ? [first, second] : [other];
      const answers = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const place = places[index % places.length] ?? first;
          const { body } = await place.request('POST', BUNDLE, { token: claimer.token, body: claim });
          return JSON.stringify(body.one_time_keys);
        }),
      );
      expect(new Set(answers).size).toBe(1);
    }
    expect((await target.ok('POST', UPLOAD, {})).one_time_key_counts).toEqual({ 'chat.nyx.otk.v1': 1 });
  });

  it('repeats an answer of fallback keys alone, though there are other keys by now', async () => {
    const target = await first.login(alice);
    const device = makeDevice(target);
    await target.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      fallback_keys: device.fallbackKey('old', 'chat.nyx.spk.v1'),
    });
    const claim = { ...claimOf(target, ['chat.nyx.otk.v1', 'chat.nyx.spk.v1']), txn_id: 'empty' };
    const answer = await alice.ok('POST', BUNDLE, claim);
    await target.ok('POST', UPLOAD, {
      one_time_keys: device.oneTimeKeys(1, 'late', 'chat.nyx.otk.v1'),
      fallback_keys: device.fallbackKey('new', 'chat.nyx.spk.v1'),
    });
    expect(await alice.ok('POST', BUNDLE, claim)).toEqual(answer);
    expect(Object.keys(answer.one_time_keys[target.userId][target.deviceId])).toEqual([
      'chat.nyx.spk.v1:old',
    ]);
    expect((await target.ok('POST', UPLOAD, {})).one_time_key_counts).toEqual({ 'chat.nyx.otk.v1': 1 });
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
