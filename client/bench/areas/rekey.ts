import { createEpoch } from '../../src/crypto/engine/choose-epoch.ts';
import { EngineCore } from '../../src/crypto/engine/engine-core.ts';
import { deviceName, type Op } from '../../src/crypto/engine/op.ts';
import { createDevice } from '../../src/crypto/engine/own-device.ts';
import { openFromClaim, peerOf } from '../../src/crypto/engine/pairwise-channel.ts';
import { PLANS } from '../../src/crypto/engine/sending-slot.ts';
import { startPlan, workOnPlan } from '../../src/crypto/engine/share-plan.ts';
import { USERS } from '../../src/crypto/engine/tables.ts';
import { emptyRoom } from '../../src/crypto/group/room-record.ts';
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
const addUser = (op: Op, userId: string): string[] => {
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
  return Object.keys(devices).map((deviceId) => deviceName(userId, deviceId));
};

/**
 * The whole cost of a fresh epoch's hand-out on existing sessions, as the engine pays it: records opened and sealed,
 * frames made, requests queued, each slice committed. Figures are CPU time of the process, collector included, as the
 * bound is one of CPU.
 */
export const rekeyArea: BenchArea = async ({ quick }) => {
  const core = await openCore();
  const count = quick ? 50 : 2500;
  const names: string[] = [];
  for (let i = 0; i < count / DEVICES_PER_USER; i++)
    await core.run(NOW, (op) => names.push(...addUser(op, `@user${i}:example.org`)));
  await core.run(NOW, (op) => {
    for (const [name, session] of op.tx.entries(SESSIONS))
      op.tx.put(SESSIONS, name, { ...session, hello: undefined });
  });

  const slices: number[] = [];
  const slice = async (use: (op: Op) => unknown): Promise<void> => {
    const before = process.cpuUsage();
    await core.run(NOW, use);
    const { user, system } = process.cpuUsage(before);
    slices.push((user + system) / 1000);
  };
  const start = performance.now();
  await slice((op) => startPlan(op, createEpoch(op, emptyRoom(ROOM), {}), 0, names));
  let open = true as boolean;
  while (open)
    await slice((op) => {
      workOnPlan(op, ROOM);
      open = op.tx.get(PLANS, ROOM) !== undefined;
    });
  const wall = performance.now() - start;
  const total = slices.reduce((sum, ms) => sum + ms, 0);
  core.close();
  slices.sort((a, b) => a - b);
  return [
    { key: 'rekey_2500_ms', value: total, unit: 'ms', target: { atMost: 500 } },
    { key: 'rekey_wall_ms', value: wall, unit: 'ms' },
    {
      key: 'rekey_slice_p95_ms',
      value: slices[Math.floor(slices.length * 0.95)] ?? Number.NaN,
      unit: 'ms',
      target: { atMost: 8 },
    },
    { key: 'rekey_slice_max_ms', value: slices.at(-1) ?? Number.NaN, unit: 'ms' },
  ];
};
