/** Attacks that must fail (e2ee.md section 5): hostile server, forging member, joiner, stolen and rolled-back vault. */
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Table } from '../../vault/table.ts';
import { Vault } from '../../vault/vault.ts';
import { webCryptoDeviceKeys } from '../../vault/webcrypto-device-key.ts';
import { commitment, generationKey } from '../group/epoch.ts';
import { sealMessage } from '../group/message.ts';
import { SenderChain } from '../group/sender-chain.ts';
import { systemRandom } from '../primitives/random.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { MemoryStore } from '../testing/memory-store.ts';
import { PASSPHRASE, SimClient, TEST_COST } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import { EngineCore } from './engine-core.ts';
import type { MatrixEvent } from './events.ts';
import { decryptEvent } from './group-receive.ts';
import { loadDevice } from './own-device.ts';
import { oneTimePrekey } from './prekey-store.ts';
import { EPOCHS, ROOMS } from './tables.ts';

let world: SimWorld;

// Generous: the suite shares two cores.
vi.setConfig({ testTimeout: 180_000 });
beforeAll(loadSodium);
beforeEach(() => {
  world = new SimWorld();
});

async function three(): Promise<[SimClient, SimClient, SimClient]> {
  const [alice, bob, carol] = await world.startAll('alice', 'bob', 'carol');
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error('three');
  await world.room(alice, bob, carol);
  return [alice, bob, carol];
}

const storeOf = (client: SimClient): MemoryStore => {
  if (!(client.store instanceof MemoryStore)) throw new Error('memory store');
  return client.store;
};

/** Opens a copy of a client's vault, as somebody with its passphrase could. */
async function openCopy(store: MemoryStore): Promise<EngineCore> {
  const ports = {
    store,
    deviceKeys: webCryptoDeviceKeys(crypto.subtle, systemRandom),
    random: systemRandom,
    cost: TEST_COST,
  };
  const vault = await Vault.open(ports, PASSPHRASE);
  const device = loadDevice(vault.begin(), vault.owner);
  if (device === undefined) throw new Error('device');
  return new EngineCore(vault, device, systemRandom);
}

const raw = (name: string): Table<Uint8Array> => ({
  name,
  encode: (value) => value.slice(),
  decode: (bytes) => bytes.slice(),
  cached: false,
});

/** Every plaintext of a vault. */
function plaintexts(core: EngineCore, store: MemoryStore): Buffer {
  const tables = new Set([...store.records.values()].map((record) => record.table));
  const parts = [...tables].flatMap((table) => core.vault.begin().entries(raw(table)));
  return Buffer.concat(parts.map(([name, bytes]) => Buffer.concat([Buffer.from(name), bytes])));
}

describe('a spent one-time prekey', () => {
  it('leaves no trace of its private key in the vault, and answers no second handshake', async () => {
    const [alice, bob] = await world.startAll('alice', 'bob');
    if (alice === undefined || bob === undefined) throw new Error('two');
    await world.room(alice, bob);
    const before = storeOf(bob).snapshot();
    const frames: { user: string; event: Record<string, unknown> }[] = [];
    world.server.tricks.toDevice = (event, user) => {
      frames.push({ user, event: structuredClone(event) });
      return event;
    };
    const message = await alice.send(ROOM, 'first');
    await world.settle();
    expect(await bob.text(ROOM, message)).toBe('first');
    const id = world.server.claimed.find((key) => key.startsWith('chat.nyx.otk.v1:')) ?? '';
    const number = Number.parseInt(id.slice(-8), 16);
    const old = await openCopy(before);
    const { result } = await old.run(world.clock.now, (op) =>
      oneTimePrekey(op, number)?.keys.secret.expose().slice(),
    );
    if (result === undefined) throw new Error('the prekey was there before');
    expect(plaintexts(old, before).length).toBeGreaterThan(1000);

    const after = storeOf(bob).snapshot();
    const now = await openCopy(after);
    expect((await now.run(world.clock.now, (op) => oneTimePrekey(op, number))).result).toBeUndefined();
    const dump = plaintexts(now, after);
    for (let at = 0; at + 8 <= result.length; at += 8)
      expect(dump.includes(Buffer.from(result.subarray(at, at + 8)))).toBe(false);

    // The server replays the handshake: nothing new is accepted.
    const first = frames.find(({ user }) => user === bob.userId);
    const records = storeOf(bob).records.size;
    world.server.device(bob.userId, 'D').inbox.push(first?.event ?? {});
    await bob.settle();
    expect(storeOf(bob).records.size).toBe(records);
  });
});

describe('a profile restored from an older copy', () => {
  it('is recognised, sends nothing, and says so', async () => {
    const [alice, bob] = await three();
    await alice.send(ROOM, 'one');
    await world.settle();
    const old = storeOf(alice).snapshot();
    await alice.host.call('lock', {});
    await alice.host.call('unlock', { passphrase: PASSPHRASE });
    await alice.settle();
    await alice.send(ROOM, 'two');
    await world.settle();
    const restored = new SimClient(world.server, world.clock, alice.userId, 'D', { store: old });
    await restored.host.call('unlock', { passphrase: PASSPHRASE });
    const content = { body: 'again' };
    const sent = restored.host.call('encryptEvent', {
      roomId: ROOM,
      txnId: 'x',
      type: 'm.room.message',
      content,
    });
    await expect(restored.while(sent)).rejects.toThrow('ROLLED_BACK');
    expect((await restored.host.call('status', {})).rolledBack).toBe(true);
    expect(restored.notices.some((n) => n.kind === 'status' && n.status.rolledBack)).toBe(true);
    await restored.work();
    const fine = await bob.send(ROOM, 'still fine');
    await world.settle();
    expect(await alice.text(ROOM, fine)).toBe('still fine');
  });

  it('would not reuse a group key even if it were not recognised', async () => {
    const [alice] = await three();
    await alice.send(ROOM, 'one');
    await world.settle();
    const copies = [storeOf(alice).snapshot(), storeOf(alice).snapshot()];
    const salts = new Set<string>();
    for (const store of copies) {
      // A server that forgets the store epoch helps the attacker.
      world.server.users.get(alice.userId)?.data.clear();
      const copy = new SimClient(world.server, world.clock, alice.userId, 'D', { store });
      await copy.host.call('unlock', { passphrase: PASSPHRASE });
      const content = await copy.encrypt(ROOM, { body: 'same' }, 'txn');
      salts.add(String(content.ciphertext).slice(0, 23));
    }
    expect(salts.size).toBe(2);
  });
});

describe('a locked vault that was stolen', () => {
  it('shows no window of any private key', async () => {
    const [alice] = await three();
    await alice.send(ROOM, 'something');
    await world.settle();
    const store = storeOf(alice).snapshot();
    const core = await openCopy(store);
    const { result: secrets } = await core.run(world.clock.now, (op) => {
      const epochs = op.tx.entries(EPOCHS).map(([, record]) => record.key.expose().slice());
      return [
        ...epochs,
        op.self.ed25519.secret.expose().slice(0, 32),
        op.self.x25519.secret.expose().slice(),
      ];
    });
    expect(secrets.length).toBeGreaterThanOrEqual(3);
    const dump = Buffer.concat([...storeOf(alice).snapshot().records.values()].map((record) => record.body));
    for (const secret of secrets) expect(dump.includes(Buffer.from(secret))).toBe(false);
    expect(dump.includes('@bob')).toBe(false);
  });
});

/** A message sealed by hand with a member's key: `change` says what the forger lies about. */
async function forge(
  forger: SimClient,
  change: { sender?: string; device?: string; room?: string; by?: SimClient },
): Promise<MatrixEvent> {
  const core = await openCopy(storeOf(forger).snapshot());
  const { result } = await core.run(world.clock.now, (op) => {
    const room = op.tx.get(ROOMS, ROOM);
    const record = op.tx.get(EPOCHS, room?.epochs.at(-1) ?? '');
    if (record === undefined) throw new Error('no epoch');
    const key = generationKey(record.key, record.g, record.top);
    const [sender, device] = [change.sender ?? forger.userId, change.device ?? 'D'];
    const header = {
      ...{ device_id: device, kid: record.kid, g: record.top },
      ...{ kc: commitment(key, ROOM, record.top), after: record.epoch.after },
    };
    const salt = systemRandom(16);
    const body = {
      ...{ room: change.room ?? ROOM, sender, device, seen: [], adds: [] },
      ...{ type: 'm.room.message', content: { body: 'forged' } },
    };
    return sealMessage(
      header,
      { salt, n: 0 },
      body,
      new SenderChain(key, salt, sender, device),
      op.self.ed25519.secret,
    );
  });
  return {
    type: 'm.room.encrypted',
    content: result,
    sender: change.sender ?? forger.userId,
    event_id: '$forged',
  };
}

describe('a member who forges another', () => {
  it('is told apart by the signature, whatever the server claims', async () => {
    const [alice, bob, carol] = await three();
    const real = await alice.send(ROOM, 'key for all');
    await world.settle();
    expect(await carol.text(ROOM, real)).toBe('key for all');
    const own = await forge(carol, {});
    expect(await alice.text(ROOM, own)).toBe('forged');
    const asBob = await forge(carol, { sender: bob.userId });
    expect(await alice.text(ROOM, { ...asBob, event_id: '$2' })).toBe('unverified:bad_signature');
    const claimed = { ...own, event_id: '$3', sender: bob.userId };
    expect(await alice.text(ROOM, claimed)).toMatch(/^lost:tampered|^unverified/);
    const unknown = await forge(carol, { device: 'GHOST' });
    expect(await alice.text(ROOM, { ...unknown, event_id: '$4' })).toBe('unverified:unknown_device');
    const elsewhere = await forge(carol, { room: '!other:one.test' });
    expect(await alice.text(ROOM, { ...elsewhere, event_id: '$5' })).toBe('lost:tampered');
  });

  it('gains nothing by sending a ciphertext again', async () => {
    const [alice, bob] = await three();
    const real = await alice.send(ROOM, 'pay Bob ten');
    await world.settle();
    expect(await bob.text(ROOM, real)).toBe('pay Bob ten');
    expect(await bob.text(ROOM, { ...real, event_id: '$again' })).toBe('lost:replayed');
    expect(await bob.text(ROOM, real)).toBe('pay Bob ten');
  });
});

describe('a hostile server', () => {
  it('that invents a member gets no keys for it, and a banner is due', async () => {
    const [alice, bob] = await world.startAll('alice', 'bob');
    const mallory = await world.start('mallory');
    if (alice === undefined || bob === undefined) throw new Error('two');
    await world.room(alice, bob);
    // Mallory's client even signs its own join; nobody ever invited it.
    world.server.member(ROOM, mallory.userId, mallory.userId, { membership: 'join' });
    await world.settle();
    const event = await alice.send(ROOM, 'just us');
    await world.settle();
    expect(await bob.text(ROOM, event)).toBe('just us');
    await mallory.read(ROOM, event);
    await world.pass(10_000);
    expect(await mallory.text(ROOM, event)).not.toBe('just us');
    const status = await alice.host.call('roomStatus', { roomId: ROOM });
    expect(status.unsigned).toEqual([mallory.userId]);
    // The user says that it is a friend: now it gets keys.
    await alice.host.call('vouchMember', { roomId: ROOM, target: mallory.userId });
    await world.settle();
    const next = await alice.send(ROOM, 'welcome');
    await world.settle();
    expect(await mallory.text(ROOM, next)).toBe('welcome');
    expect((await bob.host.call('roomStatus', { roomId: ROOM })).unsigned).toEqual([]);
  });

  it('that hides a leave from one member is overruled by the next epoch', async () => {
    const [alice, bob, carol] = await three();
    await alice.send(ROOM, 'all');
    await world.settle();
    world.server.tricks.hide = (event, user) =>
      user === alice.userId && event.state_key === carol.userId && event.content.membership === 'leave';
    world.server.leave(ROOM, bob.userId, carol.userId);
    await world.settle();
    const fromBob = await bob.send(ROOM, 'without Carol');
    await world.settle();
    const fromAlice = await alice.send(ROOM, 'Alice does not know');
    await world.settle();
    expect(fromAlice.content.kid).toBe(fromBob.content.kid);
    for (const event of [fromBob, fromAlice]) {
      expect(await carol.text(ROOM, event)).not.toMatch(/Carol|Alice/);
      expect(await alice.text(ROOM, event)).toMatch(/Carol|Alice/);
    }
  });

  it('that shows another master key stops all keys until the user decides', async () => {
    const [alice, bob, carol] = await three();
    await alice.send(ROOM, 'before');
    await world.settle();
    const [victim, attacker] = [world.server.users.get(bob.userId), world.server.users.get(carol.userId)];
    if (victim === undefined || attacker?.master === undefined) throw new Error('users');
    const real = { ...victim };
    const asBob = JSON.parse(JSON.stringify(attacker.master)) as Record<string, unknown>;
    victim.master = { ...asBob, user_id: bob.userId };
    world.server.noteChanged(bob.userId);
    await alice.settle();
    expect((await alice.host.call('userIdentity', { userId: bob.userId })).trust).toBe('changed');
    expect((await alice.host.call('roomStatus', { roomId: ROOM })).changed).toEqual([bob.userId]);
    const event = await alice.send(ROOM, 'not for a stranger');
    await world.settle();
    expect(await bob.text(ROOM, event)).not.toBe('not for a stranger');
    if (real.master !== undefined) victim.master = real.master;
    world.server.noteChanged(bob.userId);
    await world.settle();
    expect((await alice.host.call('userIdentity', { userId: bob.userId })).trust).toBe('pinned');
  });

  it('that swaps any field of a device list never gets a key that is not the true one trusted', async () => {
    const [alice, bob] = await three();
    const before = await alice.host.call('userIdentity', { userId: bob.userId });
    const truth = new Set(before.devices.map((device) => device.ed25519));
    const answer = world.server.perform(alice.userId, 'D', {
      ...{ id: 'x', kind: 'keysQuery', method: 'POST', auth: 'token' },
      ...{ path: '/_matrix/client/v3/keys/query', body: { device_keys: { [bob.userId]: [] } } },
    });
    const leaves = paths(answer);
    expect(leaves.length).toBeGreaterThan(15);
    for (const path of leaves) {
      world.server.tricks.answer = (request, given) =>
        request.kind === 'keysQuery' ? mutated(given, path) : given;
      world.server.noteChanged(bob.userId);
      await alice.settle();
      const seen = await alice.host.call('userIdentity', { userId: bob.userId });
      for (const device of seen.devices) if (device.crossSigned) expect(truth.has(device.ed25519)).toBe(true);
      expect(seen.masterKey).toBe(before.masterKey);
    }
    delete world.server.tricks.answer;
    world.server.noteChanged(bob.userId);
    await alice.settle();
    expect((await alice.host.call('userIdentity', { userId: bob.userId })).devices[0]?.crossSigned).toBe(
      true,
    );
  });

  it('that hands one prekey out twice, or spoils bundles, delays a message and reveals nothing', async () => {
    const [alice, bob, carol] = await three();
    let first: unknown;
    world.server.tricks.answer = (request, given) => {
      if (request.kind !== 'keysClaim' || !JSON.stringify(request.body).includes(bob.userId)) return given;
      first ??= structuredClone(given);
      return structuredClone(first);
    };
    const a = await alice.send(ROOM, 'from Alice');
    await world.settle();
    const c = await carol.send(ROOM, 'from Carol');
    await world.settle();
    await bob.read(ROOM, a, c);
    await world.pass(10_000);
    expect(await bob.text(ROOM, a)).toBe('from Alice');
    expect(await bob.text(ROOM, c)).toBe('from Carol');
  });
});

type Path = readonly string[];

/** Every place of a JSON value that holds text. */
function paths(value: unknown, at: Path = []): Path[] {
  if (typeof value === 'string') return [at];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => paths(inner, [...at, key]));
}

/** The value with the text at `path` changed in its first and last characters. */
function mutated(value: unknown, path: Path): unknown {
  const copy = structuredClone(value);
  let at = copy as Record<string, unknown>;
  for (const key of path.slice(0, -1)) {
    if (typeof at[key] !== 'object' || at[key] === null) return copy;
    at = at[key] as Record<string, unknown>;
  }
  const last = path.at(-1) ?? '';
  const text = typeof at[last] === 'string' ? at[last] : '';
  at[last] = `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
  return copy;
}

describe('mutated group messages', () => {
  it('give a named state for every byte and field, and change nothing', async () => {
    const [alice, bob] = await three();
    const event = await alice.send(ROOM, 'exact');
    await world.settle();
    expect(await bob.text(ROOM, event)).toBe('exact');
    const text = String(event.content.ciphertext);
    const flip = (s: string, i: number) => `${s.slice(0, i)}${s[i] === 'A' ? 'B' : 'A'}${s.slice(i + 1)}`;
    const events: MatrixEvent[] = [];
    for (let i = 0; i < text.length; i += 1)
      events.push({ ...event, event_id: `$m${i}`, content: { ...event.content, ciphertext: flip(text, i) } });
    for (const field of ['kc', 'after', 'g', 'device_id', 'algorithm'])
      for (const value of ['x'.repeat(22), null, 3, 2 ** 31, -1, {}])
        if (event.content[field] !== value)
          events.push({
            ...event,
            event_id: `$${field}${JSON.stringify(value)}`,
            content: { ...event.content, [field]: value },
          });
    const copy = storeOf(bob).snapshot();
    const core = await openCopy(copy);
    const commits = copy.commits;
    for (const bad of events) {
      const { result } = await core.run(world.clock.now, (op) => {
        const tx = op.tx.nested();
        const state = decryptEvent({ ...op, tx }, ROOM, bad);
        expect([...tx.changes()].map(({ table }) => table.name)).toEqual([]);
        return state;
      });
      expect(result).toMatchObject({ state: 'lost', code: expect.stringMatching(/^[a-z]+$/) as string });
    }
    expect(copy.commits).toBe(commits);
  });
});
