/**
 * Entry point of the crypto worker: gives the engine its store, clock, randomness and lock, and connects it to the
 * page. The only place of the engine that touches the platform.
 */
import { EngineHost } from '../crypto/engine/engine-host.ts';
import { serveEngine } from '../crypto/engine/serve-engine.ts';
import { TabEngine, type TabPorts } from '../crypto/engine/tab-engine.ts';
import { ARGON2_INTERACTIVE } from '../crypto/primitives/argon2id.ts';
import { toHex } from '../crypto/primitives/bytes.ts';
import { systemRandom } from '../crypto/primitives/random.ts';
import { openIndexedDbStore } from '../vault/indexeddb-store.ts';
import { webCryptoDeviceKeys } from '../vault/webcrypto-device-key.ts';

const DATABASE = 'nyx-vault';
const LOCK = 'nyx-crypto';
const CHANNEL = 'nyx-crypto';

const after = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

const makeEngine = (): EngineHost =>
  new EngineHost({
    openStore: () => openIndexedDbStore(DATABASE),
    deviceKeys: webCryptoDeviceKeys(crypto.subtle, systemRandom),
    random: systemRandom,
    now: () => Date.now(),
    cost: ARGON2_INTERACTIVE,
    after,
    yieldNow: () => new Promise((resolve) => setTimeout(resolve, 0)),
  });

const broadcast = new BroadcastChannel(CHANNEL);
const ports: TabPorts = {
  tab: toHex(systemRandom(8)),
  channel: {
    post: (message) => broadcast.postMessage(message),
    onMessage: (listener) => broadcast.addEventListener('message', ({ data }) => listener(data)),
    close: () => broadcast.close(),
  },
  lead: (onLeader) => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    void navigator.locks.request(LOCK, () => {
      onLeader();
      return held;
    });
    return { release };
  },
  makeEngine,
};

const engine = new TabEngine(ports);
const receive = serveEngine(engine, (message) => postMessage(message));
addEventListener('message', ({ data }) => receive(data));
