import { describe, expect, test } from 'vitest';
import { RawNumber, type JsonObject } from '../json/value.ts';
import type { KeyId } from '../spec/identifiers/key-id.ts';
import { makeServerKeyId } from '../spec/identifiers/key-id.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import type { KeyRequest, Notary } from './key-ring.ts';
import { KeyRing } from './key-ring.ts';
import { SigningKey } from './keys.ts';
import type { RetiredKey, ServerKey } from './server-keys.ts';
import { MAX_KEY_TRUST_MS, publishServerKeys, readServerKeys } from './server-keys.ts';
import { signJson } from './sign-json.ts';

const HOUR = 3_600_000;
const NOW = 1_700_000_000_000;
const peer = parseServerName('peer.org');
const notaryName = parseServerName('notary.org');
const keyOf = (fill: number, version = 'a') => SigningKey.fromSeed(version, Buffer.alloc(32, fill));
const peerSigner = { server: peer, key: keyOf(1) };
const notarySigner = { server: notaryName, key: keyOf(2, 'n') };
const peerKeyId = peerSigner.key.keyId;

/** A network of servers whose answers the test sets, with a clock it moves. */
function network(notaries: Notary[] = []) {
  const world = {
    now: NOW,
    servers: new Map<ServerName, JsonObject | Error>(),
    notarised: [] as JsonObject[],
    asked: [] as string[],
    stored: [] as ServerKey[],
  };
  const ring = new KeyRing({
    source: {
      async fromServer(server) {
        world.asked.push(server);
        const answer = world.servers.get(server);
        if (answer === undefined || answer instanceof Error) throw answer ?? new Error('unreachable');
        return answer;
      },
      async fromNotary(notary, requests) {
        world.asked.push(`${notary}:${requests.map(({ server }) => server).join('+')}`);
        return world.notarised;
      },
    },
    store: {
      load: async (servers) => world.stored.filter(({ server }) => servers.includes(server)),
      save: async (published) => {
        world.stored.push(...published.flatMap(({ keys }) => keys));
      },
    },
    notaries,
    now: () => world.now,
    random: () => 0,
  });
  return { world, ring };
}
const wants = (at = NOW, server = peer, keyId: KeyId = peerKeyId): KeyRequest => ({ server, keyId, at });

describe('reading published keys', () => {
  const published = publishServerKeys(peerSigner, NOW + HOUR, [
    { keyId: makeServerKeyId('old'), publicKey: keyOf(3).publicKey, expiredAt: NOW - HOUR },
  ]);

  test('gives current and retired keys with their ends', () => {
    expect(readServerKeys(published, peer, NOW)?.keys).toEqual([
      {
        server: peer,
        keyId: peerKeyId,
        publicKey: peerSigner.key.publicKey,
        validUntil: NOW + HOUR,
        retired: false,
      },
      {
        server: peer,
        keyId: 'ed25519:old',
        publicKey: keyOf(3).publicKey,
        validUntil: NOW - HOUR,
        retired: true,
      },
    ]);
  });

  test('trusts no key for more than a week', () => {
    const forever = publishServerKeys(peerSigner, NOW + 1000 * HOUR * 24);
    expect(readServerKeys(forever, peer, NOW)?.keys[0]?.validUntil).toBe(NOW + MAX_KEY_TRUST_MS);
  });

  test('trusts no key that is said to end one day for more than a week, nor as if it had ended', () => {
    const day = 24 * HOUR;
    const endless = publishServerKeys(peerSigner, NOW + HOUR, [
      { keyId: makeServerKeyId('endless'), publicKey: keyOf(3).publicKey, expiredAt: NOW + 1000 * day },
      { keyId: makeServerKeyId('soon'), publicKey: keyOf(3).publicKey, expiredAt: NOW + day },
      { keyId: makeServerKeyId('over'), publicKey: keyOf(3).publicKey, expiredAt: NOW },
    ]);
    expect(readServerKeys(endless, peer, NOW)?.keys.slice(1)).toMatchObject([
      { validUntil: NOW + MAX_KEY_TRUST_MS, retired: false },
      { validUntil: NOW + day, retired: false },
      { validUntil: NOW, retired: true },
    ]);
  });

  test.each([
    ['another name', { ...published, server_name: 'other.org' }],
    ['no signature', { ...published, signatures: {} }],
    ['a signature that does not fit', { ...published, valid_until_ts: NOW + 2 * HOUR }],
    ['no time', { ...published, valid_until_ts: 'soon' }],
    ['keys of another shape', { ...published, verify_keys: [] }],
    [
      'a signature by a retired key alone',
      signJson(
        {
          server_name: peer,
          valid_until_ts: NOW,
          verify_keys: {},
          old_verify_keys: { [peerKeyId]: { key: peerSigner.key.publicKey, expired_ts: NOW } },
        },
        peerSigner,
      ),
    ],
    [
      'hundreds of keys',
      publishServerKeys(
        peerSigner,
        NOW,
        Array.from({ length: 300 }, (_, index): RetiredKey => ({
          keyId: makeServerKeyId(`k${index}`),
          publicKey: keyOf(3).publicKey,
          expiredAt: 1,
        })),
      ),
    ],
  ])('refuses %s', (_case, json) => expect(readServerKeys(json, peer, NOW)).toBeUndefined());
});

describe('the key ring', () => {
  test('asks the server once, keeps the key, and stores it', async () => {
    const { ring, world } = network();
    world.servers.set(peer, publishServerKeys(peerSigner, NOW + HOUR));
    await Promise.all([ring.fetch([wants()]), ring.fetch([wants()])]);
    await ring.fetch([wants()]);
    expect(world.asked).toEqual([peer]);
    expect(ring.lookup(peer, peerKeyId, NOW)).toBeDefined();
    expect(world.stored).toHaveLength(1);
  });

  test('finds stored keys without the network', async () => {
    const { ring, world } = network();
    world.stored = [
      {
        server: peer,
        keyId: peerKeyId,
        publicKey: peerSigner.key.publicKey,
        validUntil: NOW + 1,
        retired: false,
      },
    ];
    await ring.fetch([wants()]);
    expect(world.asked).toEqual([]);
    expect(ring.lookup(peer, peerKeyId, NOW)).toBeDefined();
  });

  test('finds stored keys again that others crowded out', async () => {
    const { ring, world } = network();
    const keyOfServer = (index: number, key: string): ServerKey => ({
      server: parseServerName(`s${index}.org`),
      keyId: makeServerKeyId(key),
      publicKey: peerSigner.key.publicKey,
      validUntil: NOW + 1,
      retired: false,
    });
    world.stored = Array.from({ length: 51_000 }, (_, index) =>
      keyOfServer(Math.floor(index / 200), `k${index % 200}`),
    );
    const all = Array.from({ length: 255 }, (_, index) => keyOfServer(index, 'k0'));
    for (const { server, keyId } of all) await ring.fetch([wants(NOW, server, keyId)]);
    const [first] = all;
    if (first === undefined) throw new Error('there are servers');
    expect(ring.lookup(first.server, first.keyId, NOW)).toBeUndefined();
    await ring.fetch([wants(NOW, first.server, first.keyId)]);
    expect(ring.lookup(first.server, first.keyId, NOW)).toBeDefined();
    expect(world.asked).toEqual([]);
  });

  test('never gives a key for a time after its end, and asks again for a newer one', async () => {
    const { ring, world } = network();
    world.servers.set(peer, publishServerKeys(peerSigner, NOW + HOUR));
    await ring.fetch([wants()]);
    const later = NOW + HOUR + 1;
    expect(ring.lookup(peer, peerKeyId, later)).toBeUndefined();
    expect(ring.lookup(peer, peerKeyId, NOW + HOUR)).toBeDefined();
    expect(ring.lookupAnyTime(peer, peerKeyId)).toBeDefined();
    world.now = later;
    world.servers.set(peer, publishServerKeys(peerSigner, NOW + 5 * HOUR));
    await ring.fetch([wants(later)]);
    expect(ring.lookup(peer, peerKeyId, later)).toBeDefined();
  });

  test('a retired key verifies what is older than its end, and is not asked for again', async () => {
    const { ring, world } = network();
    const next = { server: peer, key: keyOf(4, 'b') };
    const retired = { keyId: peerKeyId, publicKey: peerSigner.key.publicKey, expiredAt: NOW - HOUR };
    world.servers.set(peer, publishServerKeys(next, NOW + HOUR, [retired]));
    await ring.fetch([wants(NOW)]);
    expect(ring.lookup(peer, peerKeyId, NOW - HOUR)).toBeDefined();
    expect(ring.lookup(peer, peerKeyId, NOW - HOUR + 1)).toBeUndefined();
    world.now += 10 * HOUR;
    await ring.fetch([wants(NOW)]);
    expect(world.asked).toEqual([peer]);
  });

  test('leaves a server alone that does not answer, longer each time', async () => {
    const { ring, world } = network();
    await ring.fetch([wants()]);
    await ring.fetch([wants()]);
    expect(world.asked).toHaveLength(1);
    world.now += 60_000;
    await ring.fetch([wants()]);
    world.now += 60_000;
    await ring.fetch([wants()]);
    expect(world.asked).toHaveLength(2);
    world.now += 60_000;
    await ring.fetch([wants()]);
    expect(world.asked).toHaveLength(3);
    ring.reachable(peer);
    await ring.fetch([wants()]);
    expect(world.asked).toHaveLength(4);
  });

  test('made-up key ids do not make it ask on and on', async () => {
    const { ring, world } = network();
    world.servers.set(peer, publishServerKeys(peerSigner, NOW + HOUR));
    for (let index = 0; index < 10; index++)
      await ring.fetch([wants(NOW, peer, makeServerKeyId(`made_up_${index}`))]);
    expect(world.asked).toHaveLength(1);
  });

  test('made-up key ids do not keep it from a server’s true keys', async () => {
    const { ring, world } = network();
    world.servers.set(peer, publishServerKeys(peerSigner, NOW + HOUR));
    for (let index = 0; index < 20; index++) {
      await ring.fetch([wants(world.now, peer, makeServerKeyId(`made_up_${index}`))]);
      world.now += 60_000;
    }
    const next = { server: peer, key: keyOf(4, 'b') };
    world.servers.set(peer, publishServerKeys(next, world.now + HOUR));
    await ring.fetch([wants(world.now, peer, next.key.keyId)]);
    expect(ring.lookup(peer, next.key.keyId, world.now)).toBeDefined();
  });

  test('asks many servers in one batch, and survives those that fail', async () => {
    const { ring, world } = network();
    const servers = Array.from({ length: 50 }, (_, index) => parseServerName(`s${index}.org`));
    for (const [index, server] of servers.entries())
      if (index % 2 === 0)
        world.servers.set(server, publishServerKeys({ server, key: keyOf(index) }, NOW + HOUR));
    await ring.fetch(servers.map((server) => wants(NOW, server)));
    const found = servers.filter((server) => ring.lookup(server, peerKeyId, NOW) !== undefined);
    expect(found).toHaveLength(25);
  });
});

test.each([
  ['a fraction', new RawNumber('1.5')],
  ['an integer beyond 2^53', new RawNumber('9007199254740993')],
  ['half a surrogate pair', '\ud800'],
])('a server that publishes %s spoils nobody else’s keys', async (_case, value) => {
  const { ring, world } = network();
  const evil = parseServerName('evil.org');
  world.servers.set(evil, {
    ...publishServerKeys({ server: evil, key: keyOf(6) }, NOW + HOUR),
    strange: value,
  });
  world.servers.set(peer, publishServerKeys(peerSigner, NOW + HOUR));
  await ring.fetch([wants(NOW, evil), wants()]);
  expect(ring.lookup(evil, peerKeyId, NOW)).toBeUndefined();
  expect(ring.lookup(peer, peerKeyId, NOW)).toBeDefined();
});

describe('notaries', () => {
  const pinned: Notary = {
    server: notaryName,
    pinned: new Map([[notarySigner.key.keyId, notarySigner.key.publicKey]]),
  };
  const notarise = (json: JsonObject) => signJson(json, notarySigner);

  test('tell the keys of a server that does not answer', async () => {
    const { ring, world } = network([pinned]);
    world.notarised = [notarise(publishServerKeys(peerSigner, NOW + HOUR))];
    await ring.fetch([wants()]);
    expect(world.asked).toEqual([peer, `${notaryName}:${peer}`]);
    expect(ring.lookup(peer, peerKeyId, NOW)).toBeDefined();
  });

  test('are asked for all missing servers at once, and not for known ones', async () => {
    const { ring, world } = network([pinned]);
    const other = parseServerName('other.org');
    const up = parseServerName('up.org');
    world.servers.set(up, publishServerKeys({ server: up, key: keyOf(9) }, NOW + HOUR));
    await ring.fetch([wants(), wants(NOW, other), wants(NOW, up)]);
    expect(world.asked).toContain(`${notaryName}:${peer}+${other}`);
  });

  test('may have their own keys fetched', async () => {
    const { ring, world } = network([{ server: notaryName }]);
    world.servers.set(notaryName, publishServerKeys(notarySigner, NOW + HOUR));
    world.notarised = [notarise(publishServerKeys(peerSigner, NOW + HOUR))];
    await ring.fetch([wants()]);
    expect(ring.lookup(peer, peerKeyId, NOW)).toBeDefined();
  });

  test.each([
    ['without their signature', publishServerKeys(peerSigner, NOW + HOUR)],
    ['that invent keys', notarise(publishServerKeys({ server: peer, key: keyOf(5) }, NOW + HOUR, []))],
    [
      'that sign for a server',
      notarise(
        signJson(
          {
            server_name: peer,
            valid_until_ts: NOW + HOUR,
            verify_keys: { [peerKeyId]: { key: notarySigner.key.publicKey } },
          },
          notarySigner,
        ),
      ),
    ],
    [
      'that answer for others',
      notarise(publishServerKeys({ server: notaryName, key: keyOf(1) }, NOW + HOUR)),
    ],
  ])('%s gain nothing over a known key', async (_case, poison) => {
    const { ring, world } = network([pinned]);
    world.servers.set(peer, publishServerKeys(peerSigner, NOW + HOUR));
    await ring.fetch([wants()]);
    const before = world.stored.length;
    world.now = NOW + 2 * HOUR;
    world.servers.delete(peer);
    world.notarised = [poison];
    await ring.fetch([wants(world.now)]);
    expect(ring.lookup(peer, peerKeyId, world.now)).toBeUndefined();
    expect(
      world.stored
        .slice(before)
        .filter(({ keyId, publicKey }) => keyId === peerKeyId && publicKey !== peerSigner.key.publicKey),
    ).toEqual([]);
    expect(ring.lookup(peer, peerKeyId, NOW)).toBeDefined();
  });

  test('cannot bring a retired key back', async () => {
    const { ring, world } = network([pinned]);
    const next = { server: peer, key: keyOf(4, 'b') };
    const retired = { keyId: peerKeyId, publicKey: peerSigner.key.publicKey, expiredAt: NOW - HOUR };
    world.servers.set(peer, publishServerKeys(next, NOW + HOUR, [retired]));
    world.notarised = [notarise(publishServerKeys(peerSigner, NOW + HOUR))];
    await ring.fetch([wants(NOW), wants(NOW, peer, makeServerKeyId('unheard_of'))]);
    expect(world.asked).toContain(`${notaryName}:${peer}`);
    expect(ring.lookup(peer, peerKeyId, NOW)).toBeUndefined();
  });
});
