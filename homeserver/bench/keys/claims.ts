import { createHash } from 'node:crypto';
import mongoose from 'mongoose';
import type { ClaimDeps } from '../../src/domain/e2ee/claim-keys.ts';
import { claimLocalKeys } from '../../src/domain/e2ee/claim-keys.ts';
import { RemoteBundles } from '../../src/domain/e2ee/federation/remote-bundles.ts';
import type { DeviceRef } from '../../src/ports/device-key-store.ts';
import { MongoPrekeyStore } from '../../src/storage/mongo/keys/mongo-prekey-store.ts';
import type { Foundation } from '../../src/wiring/foundation.ts';

const CLAIMERS = 32;
const ALGORITHM = 'signed_curve25519';
const SIGNED_PREKEY = 'chat.nyx.spk.v1';
/** Characters of a signed prekey with its ML-KEM public key. */
const SIGNED_PREKEY_LENGTH = 1_800;
const SERVER = 'bench.example';
const ROUNDS = 4;

export type ClaimFigures = {
  readonly claimsPerSecond: number;
  /** Claims of a one-time key with the signed prekey beside it, repeatable by transaction id. */
  readonly bundlesPerSecond: number;
  readonly plainPerSecond: number;
  /** Keys that were handed out more than once. */
  readonly twice: number;
};

type Row = { _id: mongoose.mongo.ObjectId; device: string; algorithm: string; keyId: string; order: number };

const rowsFor = (devices: readonly DeviceRef[], perDevice: number) =>
  devices.flatMap(({ userId, deviceId }) =>
    Array.from({ length: perDevice }, (_, order) => {
      const name = createHash('sha256').update(`${deviceId}${order}`).digest('base64url');
      return {
        _id: new mongoose.mongo.ObjectId(),
        device: `${userId}\n${deviceId}`,
        algorithm: ALGORITHM,
        keyId: `${ALGORITHM}:${name.slice(0, 10)}`,
        order,
        batch: deviceId,
        json: JSON.stringify({
          key: name,
          signatures: { [userId]: { [`ed25519:${deviceId}`]: name + name } },
        }),
      };
    }),
  );

/** Runs `claim` for each number up to `count`, 32 at a time; answers the seconds it took. */
const byClaimers = async (count: number, claim: (index: number) => Promise<void>): Promise<number> => {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: CLAIMERS }, async () => {
      while (next < count) await claim(next++);
    }),
  );
  return (performance.now() - start) / 1_000;
};

const signedPrekeys = (devices: readonly DeviceRef[]) =>
  devices.map(({ userId, deviceId }) => ({
    _id: `${userId}\n${deviceId}\n${SIGNED_PREKEY}`,
    device: `${userId}\n${deviceId}`,
    algorithm: SIGNED_PREKEY,
    keyId: `${SIGNED_PREKEY}:1`,
    json: JSON.stringify({ key: 'A'.repeat(SIGNED_PREKEY_LENGTH) }),
    used: false,
    uploadedAt: new Date(),
  }));

/** Turns that are measured one after the other in each round, so that what else the machine does hits all alike. */
type Contestant = {
  readonly mark: string;
  seconds: number;
  readonly run: (device: DeviceRef, index: number) => Promise<void>;
};

/**
 * Claims with 32 concurrent claimers against plain journaled `findOneAndDelete` of the same documents on the same
 * mongod.
 */
export const benchClaims = async ({ db, platform }: Foundation, claims: number): Promise<ClaimFigures> => {
  const devices = Array.from({ length: 50 }, (_, index) => ({
    userId: `@user${index}:${SERVER}`,
    deviceId: `DEVICE${index}`,
  }));
  const prekeys = new MongoPrekeyStore({ db, clock: platform.clock });
  const deps: ClaimDeps = {
    prekeys,
    remote: { query: () => Promise.reject(new Error()), claim: () => Promise.reject(new Error()) },
    remoteBundles: new RemoteBundles({
      find: () => Promise.resolve(undefined),
      put: () => Promise.resolve(),
    }),
    meter: { claimed: () => undefined },
    rateLimiter: { consume: () => Promise.resolve() },
    stock: { claimed: () => undefined, uploaded: () => undefined },
    serverName: SERVER,
  };
  const plain = db.collection<Row>('benchPlainKeys');
  await plain.createIndexes([{ name: 'plain', key: { device: 1, algorithm: 1, order: 1 } }]);
  const given = new Map<string, number>();
  const claim = async ({ userId, deviceId }: DeviceRef, algorithms: readonly string[], txnId?: string) => {
    const wish = new Map([[userId, new Map([[deviceId, algorithms]])]]);
    const claimer = { user: '@claimer:bench', deviceId: 'D' };
    const keys = await claimLocalKeys(deps, claimer, wish, { bundle: txnId !== undefined, txnId });
    const found = [...(keys.get(userId)?.get(deviceId)?.keys() ?? [])];
    if (found.length !== algorithms.length)
      throw new Error(`claimed ${found.join()} of ${algorithms.join()}`);
    for (const id of found) {
      if (!id.startsWith(ALGORITHM)) continue;
      const name = `${deviceId} ${id}`;
      given.set(name, (given.get(name) ?? 0) + 1);
    }
  };
  const contestants: readonly Contestant[] = [
    { mark: 'C', seconds: 0, run: (device) => claim(device, [ALGORITHM]) },
    {
      mark: 'P',
      seconds: 0,
      run: async ({ userId, deviceId }) => {
        await plain.findOneAndDelete(
          { device: `${userId}\n${deviceId}`, algorithm: ALGORITHM },
          { sort: { order: 1 } },
        );
      },
    },
    {
      mark: 'B',
      seconds: 0,
      run: (device, index) => claim(device, [ALGORITHM, SIGNED_PREKEY], `${device.deviceId}.${index}`),
    },
  ];
  const perDevice = Math.ceil(claims / ROUNDS / devices.length);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contestant of contestants) {
      const own = devices.map(({ userId, deviceId }) => ({
        userId,
        deviceId: `${deviceId}${contestant.mark}${round}`,
      }));
      const rows = rowsFor(own, perDevice);
      if (contestant.mark === 'P') await plain.insertMany(rows);
      else await db.collection<(typeof rows)[number]>('oneTimeKeys').insertMany(rows);
      await db
        .collection<ReturnType<typeof signedPrekeys>[number]>('fallbackKeys')
        .insertMany(signedPrekeys(own));
      contestant.seconds += await byClaimers(rows.length, (index) =>
        contestant.run(own[index % own.length] ?? { userId: '', deviceId: '' }, index),
      );
    }
  }
  const total = perDevice * devices.length * ROUNDS;
  const [ours = 0, theirs = 0, bundles = 0] = contestants.map(({ seconds }) => total / seconds);
  return {
    claimsPerSecond: ours,
    plainPerSecond: theirs,
    bundlesPerSecond: bundles,
    twice: [...given.values()].filter((times) => times > 1).length,
  };
};
