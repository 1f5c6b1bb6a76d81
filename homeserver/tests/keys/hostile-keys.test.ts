import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';
import { makeDevice } from './signing-device.ts';

const V3 = '/_matrix/client/v3';
const BUNDLE = '/_matrix/client/unstable/org.matrix.msc3983/keys/claim';
const FEDERATION = '/_matrix/federation/v1/user';
const OTK = 'chat.nyx.otk.v1';
const SPK = 'chat.nyx.spk.v1';
const OLM = 'signed_curve25519';

/** What a peer that lies about its users' keys can bring through. */
describe('keys claimed of a hostile server', () => {
  let federation: TestFederation;
  let server: TestServer;
  let alice: TestUser;
  let fake: FakeServer;
  let victim: { userId: string; deviceId: string };
  let device: ReturnType<typeof makeDevice>;
  let foreign: ReturnType<typeof makeDevice>;
  let identity: JsonObject;
  let answer: (algorithms: readonly string[]) => JsonObject;
  let isKnowingBundles = false;
  const claims: { readonly path: string; readonly body: JsonObject }[] = [];

  beforeAll(async () => {
    federation = await createFederation(1);
    const [first] = federation.servers;
    if (first === undefined) throw new Error('no server');
    server = first;
    alice = await server.register('alice');
    fake = await FakeServer.start(federation.authority);
    victim = { userId: `@victim:${fake.name}`, deviceId: 'DEV' };
    device = makeDevice(victim);
    foreign = makeDevice(victim);
    identity = device.deviceKeys();
    fake.on('POST', `${FEDERATION}/keys/query`, () => ({
      device_keys: { [victim.userId]: { [victim.deviceId]: identity } },
    }));
    const claimed = (path: string, body: string): JsonObject => {
      const parsed = JSON.parse(body) as { one_time_keys: Record<string, Record<string, string | string[]>> };
      claims.push({ path, body: parsed });
      const wanted = parsed.one_time_keys[victim.userId]?.[victim.deviceId] ?? [];
      return { one_time_keys: { [victim.userId]: { [victim.deviceId]: answer([wanted].flat()) } } };
    };
    fake.on('POST', `${FEDERATION}/keys/claim`, ({ path, body }) => claimed(path, body));
    fake.on('POST', /msc3983\/user\/keys\/claim$/, ({ path, body }, response) => {
      if (isKnowingBundles) return claimed(path, body);
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"errcode":"M_UNRECOGNIZED","error":"?"}');
      return undefined;
    });
  }, 120_000);
  afterAll(async () => {
    await fake[Symbol.asyncDispose]();
    await federation[Symbol.asyncDispose]();
  });

  const wish = (algorithm: string | string[]) => ({
    one_time_keys: { [victim.userId]: { [victim.deviceId]: algorithm } },
  });
  const claim = async (algorithm: string): Promise<Record<string, unknown>> => {
    const { one_time_keys: keys } = await alice.ok('POST', `${V3}/keys/claim`, wish(algorithm));
    return keys[victim.userId]?.[victim.deviceId] ?? {};
  };

  const lies: readonly [string, () => JsonObject][] = [
    ['an unsigned key', () => ({ [`${OLM}:A`]: { key: 'AAAA' } })],
    ['a bare key', () => ({ [`${OLM}:A`]: 'AAAA' })],
    ['a key signed by another device', () => ({ [`${OLM}:A`]: foreign.oneTimeKey('x') })],
    [
      'a key changed after it was signed',
      () => ({ [`${OLM}:A`]: { ...device.oneTimeKey('x'), key: 'BBBB' } }),
    ],
    ['another algorithm', () => device.oneTimeKeys(1, 'y', OTK)],
    ['no object', () => ({ [`${OLM}:A`]: 5 })],
    ['a key without a key', () => ({ [`${OLM}:A`]: device.sign({ nothing: 'here' }) })],
  ];
  it.each(lies)('refuses %s', async (_name, lie) => {
    answer = lie;
    expect(await claim(OLM)).toEqual({});
  });

  it.each([OTK, SPK])('refuses wrongly signed prekeys of %s, and takes the right ones', async (algorithm) => {
    answer = () => ({ [`${algorithm}:A`]: foreign.oneTimeKey('x') });
    expect(await claim(algorithm)).toEqual({});
    answer = () => ({ [`${algorithm}:A`]: device.oneTimeKey('x') });
    expect(Object.keys(await claim(algorithm))).toEqual([`${algorithm}:A`]);
  });

  it('takes one key of an algorithm, however many come', async () => {
    answer = () => device.oneTimeKeys(5, 'many');
    expect(Object.keys(await claim(OLM))).toHaveLength(1);
  });

  it('refuses keys of a device whose identity is not signed by itself, or is another', async () => {
    answer = () => device.oneTimeKeys(1, 'ok');
    const good = identity;
    for (const bad of [
      { ...good, signatures: {} },
      { ...good, user_id: `@other:${fake.name}` },
      { ...good, device_id: 'OTHER' },
      foreign.deviceKeys(),
    ]) {
      identity = bad;
      expect(await claim(OLM)).toEqual({});
    }
    identity = good;
    expect(Object.keys(await claim(OLM))).toHaveLength(1);
  });

  it('makes two plain claims of a server without bundles, once for a transaction id', async () => {
    let next = 0;
    answer = ([algorithm = '']) => ({ [`${algorithm}:N${next++}`]: device.oneTimeKey('x') });
    claims.length = 0;
    const body = { ...wish([OTK, SPK]), txn_id: 'two' };
    const first = await alice.ok('POST', BUNDLE, body);
    expect(Object.keys(first.one_time_keys[victim.userId][victim.deviceId])).toEqual([
      `${OTK}:N0`,
      `${SPK}:N1`,
    ]);
    expect(claims.map(({ path }) => path)).toEqual([`${FEDERATION}/keys/claim`, `${FEDERATION}/keys/claim`]);
    expect(await alice.ok('POST', BUNDLE, body)).toEqual(first);
    // After a restart, too.
    await using again = await createRestarted();
    const repeated = await again.request('POST', BUNDLE, { token: alice.token, body });
    expect(repeated.body).toEqual(first);
    expect(claims).toHaveLength(2);
  });

  it('never names its users to a server with bundles', async () => {
    isKnowingBundles = true;
    answer = (algorithms) =>
      Object.fromEntries(algorithms.map((algorithm) => [`${algorithm}:B`, device.oneTimeKey('b')]));
    claims.length = 0;
    // What a server cannot do is remembered for an hour; another process asks anew.
    await using fresh = await createRestarted();
    const body = { ...wish([OTK, SPK]), txn_id: 'mine' };
    const { body: given } = await fresh.request('POST', BUNDLE, { token: alice.token, body });
    expect(Object.keys(given.one_time_keys[victim.userId][victim.deviceId]).toSorted()).toEqual([
      `${OTK}:B`,
      `${SPK}:B`,
    ]);
    expect(claims).toHaveLength(1);
    expect(JSON.stringify(claims)).not.toContain('mine');
    expect(JSON.stringify(claims)).not.toContain('alice');
  });

  const createRestarted = () =>
    createTestServer({ sameAs: server, config: { federation: { extraCa: federation.caFile } } });
});
