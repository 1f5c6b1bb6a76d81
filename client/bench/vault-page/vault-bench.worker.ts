/** Opens a vault in the browser's own IndexedDB, in a worker as the product does, and tells how long it took. */
import { publicDevice } from '../../src/crypto/pairwise/device.ts';
import { decodeSession, encodeSession } from '../../src/crypto/pairwise/record.ts';
import { openSession, type Session } from '../../src/crypto/pairwise/session.ts';
import { verifyBundle } from '../../src/crypto/prekeys/bundle.ts';
import { fallbackUpload, generateSignedPrekey } from '../../src/crypto/prekeys/generate.ts';
import { generateEd25519 } from '../../src/crypto/primitives/ed25519.ts';
import { systemRandom as random } from '../../src/crypto/primitives/random.ts';
import { Secret } from '../../src/crypto/primitives/secret.ts';
import { loadSodium } from '../../src/crypto/primitives/sodium.ts';
import { generateX25519 } from '../../src/crypto/primitives/x25519.ts';
import { openIndexedDbStore } from '../../src/vault/indexeddb-store.ts';
import type { Table } from '../../src/vault/table.ts';
import { Vault, type VaultPorts } from '../../src/vault/vault.ts';
import { webCryptoDeviceKeys } from '../../src/vault/webcrypto-device-key.ts';

/** Milliseconds of each round. */
export type VaultFigures = {
  /** The database opened, the key unwrapped, every record loaded, one session read. */
  readonly opened: readonly number[];
  /** Every session decrypted and decoded. */
  readonly decoded: readonly number[];
};

const NOW = Date.UTC(2026, 0, 1);
const DATABASE = 'vault-bench';
const OWNER = { userId: '@alice:example.org', deviceId: 'ALICE' };
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

/** The cheapest passphrase derivation in place of a real one. */
const portsOver = async (): Promise<VaultPorts> => ({
  store: await openIndexedDbStore(DATABASE),
  deviceKeys: webCryptoDeviceKeys(crypto.subtle, random),
  random,
  cost: { passes: 1, memoryKiB: 8 },
});

const measure = async (sessions: number, rounds: number): Promise<VaultFigures> => {
  await loadSodium();
  const ports = await portsOver();
  const made = await Vault.create(ports, OWNER, 'bench', Secret.take('master-seed', random(32)));
  const session = someSession();
  const tx = made.begin();
  for (let i = 0; i < sessions; i++) tx.put(SESSIONS, `session ${i}`, session);
  await made.commit(tx);
  made.close();
  ports.store.close();
  const opened: number[] = [];
  const decoded: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    const again = await portsOver();
    const vault = await Vault.open(again, 'bench');
    if (vault.begin().get(SESSIONS, 'session 5') === undefined) throw new Error('the vault is empty');
    opened.push(performance.now() - start);
    const scan = performance.now();
    if (vault.begin().entries(SESSIONS).length !== sessions) throw new Error('sessions are missing');
    decoded.push(performance.now() - scan);
    vault.close();
    again.store.close();
  }
  return { opened, decoded };
};

addEventListener('message', ({ data }: MessageEvent<{ sessions: number; rounds: number }>) => {
  measure(data.sessions, data.rounds).then(postMessage, (error: unknown) => {
    // Seen by the page as the worker's own error.
    setTimeout(() => {
      throw error;
    });
  });
});
