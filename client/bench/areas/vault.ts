import { generateEd25519 } from '../../src/crypto/primitives/ed25519.ts';
import { systemRandom as random } from '../../src/crypto/primitives/random.ts';
import { Secret } from '../../src/crypto/primitives/secret.ts';
import { generateX25519 } from '../../src/crypto/primitives/x25519.ts';
import { decodeSession, encodeSession } from '../../src/crypto/pairwise/record.ts';
import { openSession, type Session } from '../../src/crypto/pairwise/session.ts';
import { publicDevice } from '../../src/crypto/pairwise/device.ts';
import { verifyBundle } from '../../src/crypto/prekeys/bundle.ts';
import { fallbackUpload, generateSignedPrekey } from '../../src/crypto/prekeys/generate.ts';
import { MemoryStore } from '../../src/crypto/testing/memory-store.ts';
import type { Table } from '../../src/vault/table.ts';
import { Vault, type VaultPorts } from '../../src/vault/vault.ts';
import { webCryptoDeviceKeys } from '../../src/vault/webcrypto-device-key.ts';
import type { BenchArea } from '../harness.ts';

const NOW = Date.UTC(2026, 0, 1);
const SESSIONS: Table<Session> = {
  name: 'sessions',
  encode: encodeSession,
  decode: decodeSession,
  cached: false,
};

const someSession = (): Session => {
  const device = (name: string) => ({
    userId: `@${name}:example.org`,
    deviceId: name,
    ed25519: generateEd25519(random),
    x25519: generateX25519(random),
  });
  const local = device('alice');
  const bob = device('bob');
  const peer = publicDevice(bob);
  const claimed = fallbackUpload(bob, generateSignedPrekey(new Set(), NOW, random));
  const bundle = verifyBundle({ device: peer, claimed, now: NOW, newestSignedDay: 0 });
  return { ...openSession({ local, peer, bundle, now: NOW, random }), hello: undefined };
};

/**
 * Opening a vault of 10,000 sessions, the cheapest passphrase derivation in place of a real one, and reading a session
 * afterwards: records are opened when they are asked for.
 */
export const vaultArea: BenchArea = async ({ quick }) => {
  const ports: VaultPorts = {
    store: new MemoryStore(),
    deviceKeys: webCryptoDeviceKeys(crypto.subtle, random),
    random,
    cost: { passes: 1, memoryKiB: 8 },
  };
  const owner = { userId: '@alice:example.org', deviceId: 'ALICE' };
  const made = await Vault.create(ports, owner, 'bench', Secret.take('master-seed', random(32)));
  const session = someSession();
  const count = quick ? 100 : 10_000;
  const tx = made.begin();
  for (let i = 0; i < count; i++) tx.put(SESSIONS, `session ${i}`, session);
  await made.commit(tx);

  const opened: number[] = [];
  const all: number[] = [];
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    const start = performance.now();
    const vault = await Vault.open(ports, 'bench');
    opened.push(performance.now() - start);
    if (vault.begin().get(SESSIONS, 'session 5') === undefined) throw new Error('the vault is empty');
    const scan = performance.now();
    if (vault.begin().entries(SESSIONS).length !== count) throw new Error('sessions are missing');
    all.push(performance.now() - scan);
    vault.close();
  }
  made.close();
  const median = (values: number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  return [
    { key: 'open_vault_ms', value: median(opened), unit: 'ms', target: { atMost: 300 } },
    { key: 'decode_10000_sessions_ms', value: median(all), unit: 'ms' },
  ];
};
