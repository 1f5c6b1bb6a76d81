import { EngineCore } from '../../src/crypto/engine/engine-core.ts';
import { prepareSend, type Progress } from '../../src/crypto/engine/group-send.ts';
import { type Op } from '../../src/crypto/engine/op.ts';
import { createDevice } from '../../src/crypto/engine/own-device.ts';
import { openFromClaim, peerOf } from '../../src/crypto/engine/pairwise-channel.ts';
import { requestDone } from '../../src/crypto/engine/sync-in.ts';
import { ROOMS, USERS } from '../../src/crypto/engine/tables.ts';
import { emptyRoom, NO_MEMBER, type RoomRecord } from '../../src/crypto/group/room-record.ts';
import { type DeviceRecord, emptyUser } from '../../src/crypto/identity/user-record.ts';
import { decodeSession, encodeSession } from '../../src/crypto/pairwise/record.ts';
import type { Session } from '../../src/crypto/pairwise/session.ts';
import { fallbackUpload, generateSignedPrekey } from '../../src/crypto/prekeys/generate.ts';
import { toBase64 } from '../../src/crypto/primitives/base64.ts';
import { generateEd25519 } from '../../src/crypto/primitives/ed25519.ts';
import { GROUP_ALGORITHM, PAIRWISE_ALGORITHM } from '../../src/crypto/primitives/names.ts';
import { systemRandom as random } from '../../src/crypto/primitives/random.ts';
import { Secret } from '../../src/crypto/primitives/secret.ts';
import { generateX25519 } from '../../src/crypto/primitives/x25519.ts';
import { MemoryStore } from '../../src/crypto/testing/memory-store.ts';
import type { Table } from '../../src/vault/table.ts';
import { Vault } from '../../src/vault/vault.ts';
import { webCryptoDeviceKeys } from '../../src/vault/webcrypto-device-key.ts';
import type { BenchArea } from '../harness.ts';

const NOW = Date.UTC(2026, 0, 1);
const ROOM = '!room:example.org';
const OWNER = { userId: '@alice:example.org', deviceId: 'ALICE' };
const DEVICES_PER_USER = 5;

/** The engine's own table of sessions, under its name. */
const SESSIONS: Table<Session> = {
  name: 'sessions',
  encode: encodeSession,
  decode: decodeSession,
  cached: false,
};

const openCore = async (): Promise<EngineCore> => {
  const ports = {
    store: new MemoryStore(),
    deviceKeys: webCryptoDeviceKeys(crypto.subtle, random),
    random,
    cost: { passes: 1, memoryKiB: 64 },
  };
  const vault = await Vault.create(ports, OWNER, 'bench', Secret.take('master-seed', random(32)));
  const tx = vault.begin();
  const device = createDevice(tx, OWNER, random);
  await vault.commit(tx);
  return new EngineCore(vault, device, random);
};

/** A user with trusted devices, and an answered session with each. */
const addUser = (op: Op, userId: string): void => {
  const devices: Record<string, DeviceRecord> = {};
  for (let i = 0; i < DEVICES_PER_USER; i++) {
    const deviceId = `DEVICE${i}`;
    const ed25519 = generateEd25519(random);
    const x25519 = generateX25519(random);
    const record: DeviceRecord = {
      deviceId,
      ed25519: toBase64(ed25519.public),
      curve25519: toBase64(x25519.public),
      algorithms: [PAIRWISE_ALGORITHM, GROUP_ALGORITHM],
      displayName: undefined,
      crossSignature: 'checked before',
    };
    devices[deviceId] = record;
    const prekey = generateSignedPrekey(new Set(), NOW, random);
    const claimed = fallbackUpload({ userId, deviceId, ed25519, x25519 }, prekey);
    openFromClaim(op, peerOf(userId, record), claimed);
  }
  op.tx.put(USERS, userId, { ...emptyUser(userId), tracked: true, pinned: 'pinned', devices });
};

/** An encrypted room that all of them are signed members of. */
const roomOf = (users: readonly string[]): RoomRecord => ({
  ...emptyRoom(ROOM),
  membership: 'join',
  algorithm: GROUP_ALGORITHM,
  everEncrypted: true,
  joinRule: 'public',
  membersComplete: true,
  members: Object.fromEntries(
    users.map((userId) => [userId, { ...NO_MEMBER, membership: 'join', joinState: 'valid' }]),
  ),
});

/** CPU time (ms) of this thread: what keeps the page or the worker from doing anything else. */
const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/**
 * A send into a large room whose key must change, on existing sessions, as the engine pays it: the roster judged, the
 * epoch made, records opened and sealed, frames made, requests queued, each slice committed. The total is the CPU time
 * of the whole process, the garbage collector's threads included; a slice is what its own thread spends.
 */
export const rekeyArea: BenchArea = async ({ quick }) => {
  const core = await openCore();
  const count = quick ? 50 : 2500;
  const users: string[] = [OWNER.userId];
  for (let i = 0; i < count / DEVICES_PER_USER; i++) {
    const userId = `@user${i}:example.org`;
    users.push(userId);
    await core.run(NOW, (op) => addUser(op, userId));
  }
  await core.run(NOW, (op) => {
    for (const [name, session] of op.tx.entries(SESSIONS))
      op.tx.put(SESSIONS, name, { ...session, hello: undefined });
    const { deviceId, ed25519, x25519 } = op.self;
    const own: DeviceRecord = {
      ...{ deviceId, displayName: undefined, crossSignature: 'checked before' },
      ...{ ed25519: toBase64(ed25519.public), curve25519: toBase64(x25519.public) },
      algorithms: [PAIRWISE_ALGORITHM, GROUP_ALGORITHM],
    };
    const self = {
      ...emptyUser(OWNER.userId),
      tracked: true,
      pinned: 'pinned',
      devices: { [deviceId]: own },
    };
    op.tx.put(USERS, OWNER.userId, self);
    op.tx.put(ROOMS, ROOM, roomOf(users));
    op.memory.storeCheck = 'current';
  });

  const slices: number[] = [];
  const before = process.cpuUsage();
  const start = performance.now();
  for (let progress: Progress = 'again'; progress === 'again';) {
    const from = threadMs();
    const { result, notices } = await core.run(NOW, (op) => prepareSend(op, ROOM));
    slices.push(threadMs() - from);
    progress = result;
    // The server takes what goes out while the rest is made.
    for (const notice of notices)
      for (const { id } of notice.kind === 'requests' ? notice.requests : []) {
        const answered = threadMs();
        await core.run(NOW, (op) => requestDone(op, id, {}));
        slices.push(threadMs() - answered);
      }
  }
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  core.close();
  const sorted = slices.toSorted((a, b) => a - b);
  return [
    { key: 'rekey_2500_ms', value: (user + system) / 1000, unit: 'ms', target: { atMost: 500 } },
    { key: 'rekey_wall_ms', value: wall, unit: 'ms' },
    { key: 'rekey_slice_p95_ms', value: sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN, unit: 'ms' },
    { key: 'rekey_slice_max_ms', value: sorted.at(-1) ?? Number.NaN, unit: 'ms', target: { atMost: 8 } },
  ];
};
