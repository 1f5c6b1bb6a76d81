/**
 * The engine over IndexedDB, killed again and again: before a commit reached the disk, or after it and before anything
 * computed from it got out. After each death the same profile starts again. No key or nonce may be used twice, nothing
 * that was sent may be lost, and no honest restart may be taken for a restored copy.
 */
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeAll, describe, expect, it } from 'vitest';

import { openIndexedDbStore } from '../../vault/indexeddb-store.ts';
import type { RecordStore, StoredHeader, StoredRecord, StoreWrite } from '../../vault/record-store.ts';
import { decodeFrame } from '../pairwise/frame.ts';
import { seededPick } from '../pairwise/testing/seeded-random.ts';
import { fromBase64 } from '../primitives/base64.ts';
import { toHex } from '../primitives/bytes.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { PASSPHRASE, SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';

beforeAll(loadSodium);

type Death = 'before the commit' | 'after the commit';

/** Dies at a chosen commit and stays dead, as the process would. */
class MortalStore implements RecordStore {
  readonly #inner: RecordStore;
  readonly #death: Death;
  #commits: number;
  dead = false;

  constructor(inner: RecordStore, commits: number, death: Death) {
    this.#inner = inner;
    this.#commits = commits;
    this.#death = death;
  }

  get local() {
    return this.#inner.local;
  }

  #requireAlive(): void {
    if (this.dead) throw new Error('killed');
  }

  async readHeader(): Promise<StoredHeader | undefined> {
    this.#requireAlive();
    return this.#inner.readHeader();
  }

  async loadAll(): Promise<readonly StoredRecord[]> {
    this.#requireAlive();
    return this.#inner.loadAll();
  }

  async commit(writes: readonly StoreWrite[], header?: StoredHeader): Promise<void> {
    this.#requireAlive();
    this.#commits--;
    if (this.#commits > 0) return this.#inner.commit(writes, header);
    if (this.#death === 'after the commit') await this.#inner.commit(writes, header);
    this.dead = true;
    throw new Error('killed');
  }

  async erase(): Promise<void> {
    this.#requireAlive();
    return this.#inner.erase();
  }

  close(): void {
    this.#inner.close();
  }
}

/** A client whose page, when it dies in a sync, asks for the same sync again. */
class MortalClient extends SimClient {
  override async sync(): Promise<void> {
    const device = this.server.device(this.userId, this.deviceId);
    const { inbox, changed, left, positions } = device;
    const kept = { inbox: [...inbox], changed: [...changed], left: [...left], positions: new Map(positions) };
    try {
      await super.sync();
    } catch (error) {
      device.inbox = [...kept.inbox, ...device.inbox];
      device.changed = new Set([...kept.changed, ...device.changed]);
      device.left = new Set([...kept.left, ...device.left]);
      device.positions = kept.positions;
      throw error;
    }
  }
}

const PROFILE = 'profile';
const MODES: readonly Death[] = ['before the commit', 'after the commit'];

/** Alice's profile, started as often as she dies. */
class MortalProfile {
  readonly world: SimWorld;
  readonly #pick: (bound: number) => number;
  #store: MortalStore | undefined;
  #client: MortalClient | undefined;
  deaths = 0;

  constructor(world: SimWorld, pick: (bound: number) => number) {
    this.world = world;
    this.#pick = pick;
  }

  get client(): MortalClient {
    if (this.#client === undefined) throw new Error('not started');
    return this.#client;
  }

  async #start(commits: number, death: Death): Promise<MortalClient> {
    const store = new MortalStore(await openIndexedDbStore(PROFILE), commits, death);
    const old = this.#client;
    const client = new MortalClient(this.world.server, this.world.clock, '@alice:one.test', 'A', { store });
    this.#store = store;
    this.#client = client;
    if (old === undefined) this.world.clients.push(client);
    else this.world.clients.splice(this.world.clients.indexOf(old), 1, client);
    return client;
  }

  async create(): Promise<void> {
    const client = await this.#start(Number.POSITIVE_INFINITY, 'before the commit');
    const { userId, deviceId } = client;
    this.world.server.addDevice(userId, deviceId);
    await client.host.call('createVault', { userId, deviceId, passphrase: PASSPHRASE });
    await client.while(client.host.call('bootstrapIdentity', {}));
    await client.settle();
  }

  async restart(commits: number, death: Death): Promise<void> {
    await this.client.host.close();
    const client = await this.#start(commits, death);
    await client.host.call('unlock', { passphrase: PASSPHRASE });
  }

  /** Does something, starting again as often as it is killed meanwhile. */
  async survive(act: () => Promise<unknown>): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      try {
        await act();
        return;
      } catch (error) {
        if (this.#store?.dead !== true) throw error;
        this.deaths++;
        // An engine that dies as soon as it starts has to be started again.
        await this.#untilStarted();
      }
    }
    throw new Error('dies every time');
  }

  async #untilStarted(): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        await this.restart(2 + this.#pick(12), MODES[this.#pick(2)] ?? 'before the commit');
        return;
      } catch (error) {
        if (this.#store?.dead !== true) throw error;
        this.deaths++;
      }
    }
    throw new Error('does not start');
  }
}

type Body = {
  readonly messages?: Record<
    string,
    Record<string, { readonly ciphertext?: Record<string, { body: string }> }>
  >;
};

/** Every place in a chain of keys that the server has seen used, with what was made with it. */
const usedKeys = (world: SimWorld): Map<string, Set<string>> => {
  const used = new Map<string, Set<string>>();
  const note = (place: string, text: string): void => {
    used.set(place, (used.get(place) ?? new Set()).add(text));
  };
  for (const { request } of world.server.seen) {
    if (request.kind !== 'toDevice') continue;
    const { messages = {} } = request.body as Body;
    for (const devices of Object.values(messages))
      for (const { ciphertext = {} } of Object.values(devices))
        for (const { body } of Object.values(ciphertext)) {
          const frame = decodeFrame(fromBase64(body));
          const { dh, n } = frame.ratchet;
          note(`${toHex(frame.sid)} ${toHex(dh)} ${n}`, toHex(frame.ciphertext));
        }
  }
  for (const event of world.server.rooms.get(ROOM)?.timeline ?? []) {
    if (event.type !== 'm.room.encrypted') continue;
    const { ciphertext, kid, g, device_id: device } = event.content as Record<string, string>;
    const bytes = fromBase64(ciphertext ?? '');
    // Version, salt and number.
    note(`${kid} ${g} ${event.sender} ${device} ${toHex(bytes.subarray(0, 21))}`, toHex(bytes.subarray(21)));
  }
  return used;
};

describe('an engine that is killed between any two awaits', () => {
  const rounds = process.env.NYX_TEST_LONG === undefined ? 25 : 400;

  it(`uses no key twice and loses nothing, ${rounds} rounds`, { timeout: 600_000 }, async () => {
    const seed = process.env.NYX_TEST_SEED ?? 'crash/1';
    console.log(`crash test seed: ${seed}`);
    globalThis.indexedDB = new IDBFactory();
    const world = new SimWorld();
    const pick = seededPick(seed);
    const alice = new MortalProfile(world, pick);
    await alice.create();
    const bob = await world.start('bob');
    await world.room(alice.client, bob);
    await alice.restart(3, 'before the commit');

    for (let round = 0; round < rounds; round++) {
      const text = `round ${round}`;
      if (pick(3) === 0) {
        await alice.survive(() => world.settle());
        await bob.send(ROOM, text, `bob ${round}`);
      } else await alice.survive(() => alice.client.send(ROOM, text, `alice ${round}`));
      // A new epoch, handed out over the pairwise sessions.
      if (pick(4) === 0) world.clock.advance(8 * 24 * 60 * 60 * 1000);
      await alice.survive(() => world.settle());
    }
    // A last life without a death in it.
    await alice.restart(Number.POSITIVE_INFINITY, 'before the commit');
    world.clock.advance(60_000);
    await world.settle();

    expect(alice.deaths).toBeGreaterThan(rounds / 2);
    expect(await alice.client.host.call('status', {})).toMatchObject({ rolledBack: false });
    const used = usedKeys(world);
    expect(used.size).toBeGreaterThan(rounds);
    for (const [place, texts] of used) expect([...texts], place).toHaveLength(1);
    const events =
      world.server.rooms.get(ROOM)?.timeline.filter(({ type }) => type === 'm.room.encrypted') ?? [];
    // A message that went out twice (this server knows no transaction ids for events) is the same ciphertext under two
    // event ids: the second is a replay.
    for (const client of [alice.client, bob]) {
      const read = new Set<string>();
      for (const event of events) {
        const text = await client.text(ROOM, event);
        expect(text, client.userId).toMatch(/^round \d+$|^lost:replayed$/);
        read.add(text);
      }
      read.delete('lost:replayed');
      expect(read.size, client.userId).toBe(rounds);
    }
  });
});
