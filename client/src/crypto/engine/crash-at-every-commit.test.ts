/**
 * State before ciphertext (e2ee.md section 0.7), at every commit in turn: the worker dies before or after it reaches
 * IndexedDB, a new one goes on with the same work. No key is used for two texts, and nothing needs healing.
 */
import { IDBFactory } from 'fake-indexeddb';
import 'fake-indexeddb/auto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openIndexedDbStore } from '../../vault/indexeddb-store.ts';
import type { RecordStore } from '../../vault/record-store.ts';
import { decodeFrame } from '../pairwise/frame.ts';
import { fromBase64 } from '../primitives/base64.ts';
import { toHex } from '../primitives/bytes.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { PASSPHRASE, SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import type { SimServer } from '../testing/sim-server.ts';

beforeAll(loadSodium);
beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});
const open: RecordStore[] = [];
afterEach(() => {
  for (const store of open.splice(0)) store.close();
});

class Killed extends Error {}

/** A store that dies at its n-th commit: before it reaches the disk, or after, with the answer lost. */
class DyingStore implements RecordStore {
  readonly #inner: RecordStore;
  readonly #at: number;
  readonly #when: 'before' | 'after';
  commits = 0;
  dead = false;

  constructor(inner: RecordStore, at: number, when: 'before' | 'after') {
    this.#inner = inner;
    this.#at = at;
    this.#when = when;
  }

  async commit(...args: Parameters<RecordStore['commit']>): Promise<void> {
    if (this.dead) throw new Killed();
    this.commits += 1;
    const now = this.commits === this.#at;
    if (now && this.#when === 'before') this.#die();
    await this.#inner.commit(...args);
    if (now) this.#die();
  }

  get local() {
    return this.#inner.local;
  }

  #die(): never {
    this.dead = true;
    throw new Killed();
  }

  readHeader() {
    return this.#inner.readHeader();
  }
  loadAll() {
    return this.#inner.loadAll();
  }
  erase() {
    return this.#inner.erase();
  }
  close(): void {
    this.#inner.close();
  }
}

async function diskOf(name: string): Promise<RecordStore> {
  const store = await openIndexedDbStore(name);
  open.push(store);
  return store;
}

type Event = { readonly content: Readonly<Record<string, unknown>> };

/** Every use of a key that the server has seen: what names the key -> the ciphertext. Fails on a second one. */
function requireFreshKeys(server: SimServer, events: readonly Event[]): number {
  const uses = new Map<string, string>();
  const note = (name: string, ciphertext: string): void => {
    const before = uses.get(name);
    if (before !== undefined && before !== ciphertext) throw new Error(`key used twice: ${name}`);
    uses.set(name, ciphertext);
  };
  for (const { content } of events) {
    const ciphertext = content.ciphertext;
    if (typeof ciphertext !== 'string') continue;
    // Version, salt and number of the message: what its key is derived from, beside kid, g and sender.
    const bytes = fromBase64(ciphertext);
    note(`${String(content.kid)}|${String(content.g)}|${toHex(bytes.subarray(0, 21))}`, ciphertext);
  }
  for (const { user, request } of server.seen) {
    if (request.kind !== 'toDevice') continue;
    const { messages } = request.body as {
      messages: Record<string, Record<string, Record<string, unknown>>>;
    };
    for (const content of Object.values(messages).flatMap((devices) => Object.values(devices)))
      for (const { body } of Object.values((content.ciphertext ?? {}) as Record<string, { body: string }>)) {
        const { sid, ratchet } = decodeFrame(fromBase64(body));
        note(`${user}|${toHex(sid)}|${toHex(ratchet.dh)}|${ratchet.n}`, body);
      }
  }
  return uses.size;
}

/** Alice dies once, at commit `at`; a new worker over the same database goes on with the same work. */
async function liveThrough(at: number, when: 'before' | 'after') {
  globalThis.indexedDB = new IDBFactory();
  const world = new SimWorld();
  const bob = await world.start('bob');
  const userId = '@alice:one.test';
  world.server.addDevice(userId, 'D');
  const dying = new DyingStore(await diskOf('alice'), at, when);
  let alice = new SimClient(world.server, world.clock, userId, 'D', { store: dying });
  const events: Event[] = [];
  const steps: ((client: SimClient) => Promise<void>)[] = [
    async (client) => {
      if ((await client.host.call('status', {})).vault !== 'none') return;
      await client.host.call('createVault', { userId, deviceId: 'D', passphrase: PASSPHRASE });
    },
    async (client) => {
      await client.while(client.host.call('bootstrapIdentity', {}));
    },
    (client) => client.settle(),
    async (client) => {
      if (!world.server.rooms.has(ROOM)) world.server.createRoom(ROOM, bob.userId);
      await bob.settle();
      await bob.invite(ROOM, userId);
      await client.settle();
      await client.join(ROOM);
      await bob.settle();
    },
    ...['one', 'two', 'three'].map((text) => async (client: SimClient) => {
      const content = await client.encrypt(ROOM, { body: text }, text);
      events.push({ content });
      const event = world.server.send(ROOM, userId, { ...content });
      await client.host.call('eventSent', { roomId: ROOM, txnId: text, eventId: event.event_id ?? '' });
      await bob.settle();
      expect(await bob.text(ROOM, event), `death at ${when} ${at}`).toBe(text);
      const answer = await bob.send(ROOM, `re ${text}`, `re ${text}${events.length}`);
      await client.settle();
      expect(await client.text(ROOM, answer)).toBe(`re ${text}`);
    }),
  ];
  for (let i = 0; i < steps.length; i++)
    try {
      await steps[i]?.(alice);
    } catch (error) {
      if (!dying.dead || alice.store !== dying) throw error;
      // The worker is gone with all it had in memory; another one opens what is on the disk.
      alice = new SimClient(world.server, world.clock, userId, 'D', { store: await diskOf('alice') });
      const { vault } = await alice.host.call('status', {});
      if (vault !== 'none') await alice.host.call('unlock', { passphrase: PASSPHRASE });
      i -= 1;
    }
  return { uses: requireFreshKeys(world.server, events), commits: dying.commits, died: dying.dead };
}

describe('a worker that is killed', () => {
  it('at any commit, before or after it, never uses a key twice and goes on', async () => {
    let at = 1;
    let deaths = 0;
    for (; ; at++) {
      const { died, uses } = await liveThrough(at, at % 2 === 0 ? 'before' : 'after');
      expect(uses).toBeGreaterThan(4);
      if (!died) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(20);
    if ((process.env.NYX_TEST_LONG ?? '') !== '')
      for (let k = 1; k < at; k++) await liveThrough(k, k % 2 === 0 ? 'after' : 'before');
  }, 600_000);

  it('would be noticed if it used one twice', () => {
    const world = new SimWorld();
    const events = ['AAAA', 'BBBB'].map((tail) => ({
      content: { kid: 'k', g: 0, ciphertext: `${'A'.repeat(28)}${tail}` },
    }));
    expect(() => requireFreshKeys(world.server, events)).toThrow('key used twice');
  });
});
