import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { makeDevice, makeKeyPair, signedBy } from './signing-device.ts';

const V3 = '/_matrix/client/v3';
const KEYS = `${V3}/keys`;
const BUNDLE = '/_matrix/client/unstable/org.matrix.msc3983/keys/claim';
const FEDERATION = '/_matrix/federation/v1/user';
const ALGORITHM = 'signed_curve25519';
const STOCK = 200;

/** Collections in which nothing may be stored by a request that was refused. */
const COLLECTIONS = [
  'deviceKeys',
  'oneTimeKeys',
  'fallbackKeys',
  'oneTimeKeyBatches',
  'bundleClaims',
  'crossSigningKeys',
  'keySignatures',
  'toDevice',
  'keyBackups',
  'keyBackupSessions',
  'deviceListChanges',
];

describe('bad input', () => {
  let federation: TestFederation;
  let server: TestServer;
  let fake: FakeServer;
  let alice: TestUser;
  let bob: TestUser;

  beforeAll(async () => {
    federation = await createFederation(0);
    server = await federation.add({
      rateLimits: {
        enabled: true,
        registration: { perSecond: 100, burst: 100 },
        federation: { perSecond: 1_000, burst: 10_000 },
        keys: { perSecond: 1_000, burst: 10_000 },
        claim: { perSecond: 1_000, burst: 10_000 },
      },
    });
    fake = await FakeServer.start(federation.authority);
    alice = await server.register('alice');
    bob = await server.register('bob');
    await alice.ok('POST', `${KEYS}/upload`, { device_keys: makeDevice(alice).deviceKeys() });
  }, 120_000);
  afterAll(async () => {
    await fake[Symbol.asyncDispose]();
    await federation[Symbol.asyncDispose]();
  });

  const stored = (): Promise<number[]> => {
    const { db } = server.server.context.foundation;
    return Promise.all(COLLECTIONS.map((name) => db.collection(name).countDocuments({})));
  };
  const identity = () => {
    const master = makeKeyPair();
    return {
      user_id: alice.userId,
      usage: ['master'],
      keys: { [`ed25519:${master.publicKey}`]: master.publicKey },
    };
  };
  const tooMany = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`@u${index}:example.org`, value]));

  type Case = readonly [string, string, string, () => unknown, number, string];
  const cases: readonly Case[] = [
    ['a claim of nothing', 'POST', `${KEYS}/claim`, () => ({}), 400, 'M_MISSING_PARAM'],
    ['a claim of a list', 'POST', `${KEYS}/claim`, () => ({ one_time_keys: [] }), 400, 'M_BAD_JSON'],
    [
      'a plain claim of several algorithms',
      'POST',
      `${KEYS}/claim`,
      () => ({ one_time_keys: { [bob.userId]: { [bob.deviceId]: [ALGORITHM] } } }),
      400,
      'M_BAD_JSON',
    ],
    [
      'a bundle of a hundred algorithms',
      'POST',
      BUNDLE,
      () => ({
        one_time_keys: { [bob.userId]: { [bob.deviceId]: Array.from({ length: 100 }, () => ALGORITHM) } },
      }),
      400,
      'M_BAD_JSON',
    ],
    [
      'an endless transaction id',
      'POST',
      BUNDLE,
      () => ({ one_time_keys: {}, txn_id: 'x'.repeat(300) }),
      400,
      'M_BAD_JSON',
    ],
    [
      'a claim of more devices than anybody has',
      'POST',
      `${KEYS}/claim`,
      () => ({
        one_time_keys: {
          [bob.userId]: Object.fromEntries(
            Array.from({ length: 10_001 }, (_, index) => [`D${index}`, ALGORITHM]),
          ),
        },
      }),
      400,
      'M_INVALID_PARAM',
    ],
    ['a query of nothing', 'POST', `${KEYS}/query`, () => ({}), 400, 'M_MISSING_PARAM'],
    [
      'a query of numbers',
      'POST',
      `${KEYS}/query`,
      () => ({ device_keys: { [bob.userId]: [5] } }),
      400,
      'M_BAD_JSON',
    ],
    [
      'a query of too many',
      'POST',
      `${KEYS}/query`,
      () => ({ device_keys: tooMany(5_001, []) }),
      400,
      'M_INVALID_PARAM',
    ],
    [
      'a master key of somebody else',
      'POST',
      `${KEYS}/device_signing/upload`,
      () => ({ master_key: { ...identity(), user_id: bob.userId } }),
      400,
      'M_INVALID_PARAM',
    ],
    [
      'a self-signing key that the master did not sign',
      'POST',
      `${KEYS}/device_signing/upload`,
      () => ({ master_key: identity(), self_signing_key: { ...identity(), usage: ['self_signing'] } }),
      400,
      'M_INVALID_SIGNATURE',
    ],
    [
      'a self-signing key that another key signed',
      'POST',
      `${KEYS}/device_signing/upload`,
      () => {
        const other = makeKeyPair();
        const key = { ...identity(), usage: ['self_signing'] };
        return {
          master_key: identity(),
          self_signing_key: signedBy(key, alice.userId, `ed25519:${other.publicKey}`, other.privateKey),
        };
      },
      400,
      'M_INVALID_SIGNATURE',
    ],
    [
      'a master key under another name',
      'POST',
      `${KEYS}/device_signing/upload`,
      () => ({ master_key: { ...identity(), keys: { 'ed25519:other': makeKeyPair().publicKey } } }),
      400,
      'M_INVALID_PARAM',
    ],
    [
      'a master key that is a text',
      'POST',
      `${KEYS}/device_signing/upload`,
      () => ({ master_key: 'x' }),
      400,
      'M_BAD_JSON',
    ],
    [
      'messages that are a list',
      'PUT',
      `${V3}/sendToDevice/t/x1`,
      () => ({ messages: [] }),
      400,
      'M_BAD_JSON',
    ],
    [
      'a message that is a text',
      'PUT',
      `${V3}/sendToDevice/t/x2`,
      () => ({ messages: { [bob.userId]: { '*': 'text' } } }),
      400,
      'M_BAD_JSON',
    ],
    [
      'messages to more devices than anybody has',
      'PUT',
      `${V3}/sendToDevice/t/x3`,
      () => ({
        messages: {
          [bob.userId]: Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`D${index}`, {}])),
        },
      }),
      400,
      'M_INVALID_PARAM',
    ],
    [
      'a backup without an algorithm',
      'POST',
      `${V3}/room_keys/version`,
      () => ({ auth_data: {} }),
      400,
      'M_MISSING_PARAM',
    ],
  ];

  it.each(cases)('refuses %s, and stores nothing', async (_name, method, path, body, status, errcode) => {
    const before = await stored();
    const answer = await alice.request(method, path, { body: body() });
    expect([answer.status, answer.body.errcode]).toEqual([status, errcode]);
    expect(await stored()).toEqual(before);
  });

  it('answers claims and queries of what is not there with nothing', async () => {
    const before = await stored();
    for (const [user, device, algorithm] of [
      [bob.userId, 'NOWHERE', ALGORITHM],
      [bob.userId, bob.deviceId, 'org.example.unknown'],
      ['@nobody:nowhere', 'D', ALGORITHM],
      ['no user id', 'D', ALGORITHM],
      [`@ghost:${server.config.server.name}`, '__proto__', 'constructor'],
    ] as const) {
      const body = { one_time_keys: { [user]: { [device]: algorithm } } };
      const { one_time_keys: keys } = await alice.ok('POST', `${KEYS}/claim`, body);
      expect(keys[user] ?? {}).toEqual({});
      const bundle = { one_time_keys: { [user]: { [device]: [algorithm] } }, txn_id: 'none' };
      expect((await alice.request('POST', BUNDLE, { body: bundle })).status).toBe(200);
    }
    expect(await stored()).toEqual(before);
  });

  it('tells signatures apart that are wrong, and stores the right ones alone', async () => {
    const before = await stored();
    const device = makeDevice(bob);
    const { failures } = await alice.ok('POST', `${KEYS}/signatures/upload`, {
      [alice.userId]: { [alice.deviceId]: device.deviceKeys(), UNKNOWN: device.deviceKeys() },
      [bob.userId]: { [bob.deviceId]: device.deviceKeys() },
    });
    expect(failures[alice.userId][alice.deviceId].errcode).toBe('M_INVALID_SIGNATURE');
    expect(failures[alice.userId].UNKNOWN.errcode).toBe('M_NOT_FOUND');
    expect(failures[bob.userId][bob.deviceId].errcode).toBe('M_NOT_FOUND');
    expect(await stored()).toEqual(before);
  });

  it('gives a server that drains the stock of a device its share, then the fallback key alone', async () => {
    const owner = await server.register('owner');
    const device = makeDevice(owner);
    await owner.ok('POST', `${KEYS}/upload`, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(STOCK, 'drain'),
      fallback_keys: device.fallbackKey('spare'),
    });
    const given: string[] = [];
    for (let round = 0; round < 80; round += 1) {
      const answer = await fake.send(server.config.server.name, {
        method: 'POST',
        path: `${FEDERATION}/keys/claim`,
        content: { one_time_keys: { [owner.userId]: { [owner.deviceId]: ALGORITHM } } },
      });
      expect(answer.status).toBe(200);
      const { one_time_keys: keys } = answer.json as {
        one_time_keys: Record<string, Record<string, Record<string, unknown>>>;
      };
      given.push(...Object.keys(keys[owner.userId]?.[owner.deviceId] ?? {}));
    }
    const oneTime = given.filter((id) => id !== `${ALGORITHM}:spare`);
    expect(given).toHaveLength(80);
    expect(new Set(oneTime).size).toBe(oneTime.length);
    // 60, and what a minute of waiting gives back.
    expect(oneTime.length).toBeGreaterThanOrEqual(60);
    expect(oneTime.length).toBeLessThanOrEqual(61);
    const { one_time_key_counts: counts } = await owner.ok('POST', `${KEYS}/upload`, {});
    expect(counts).toEqual({ [ALGORITHM]: STOCK - oneTime.length });
  });

  const asked: readonly (readonly [string, () => JsonObject, number])[] = [
    ['users of others', () => ({ one_time_keys: { '@a:elsewhere.org': { D: ALGORITHM } } }), 200],
    ['a list', () => ({ one_time_keys: [] }), 400],
    ['a number', () => ({ one_time_keys: { [alice.userId]: { D: 5 } } }), 400],
  ];
  it.each(asked)('answers a peer that claims %s', async (_name, content, status) => {
    const answer = await fake.send(server.config.server.name, {
      method: 'POST',
      path: `${FEDERATION}/keys/claim`,
      content: content(),
    });
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.json).toEqual({ one_time_keys: {} });
  });
});
