import { createHash } from 'node:crypto';
import mongoose from 'mongoose';
import { claimLocalKeys } from '../../src/domain/e2ee/claim-keys.ts';
import type { DeviceRef } from '../../src/ports/device-key-store.ts';
import { MongoPrekeyStore } from '../../src/storage/mongo/keys/mongo-prekey-store.ts';
import type { Foundation } from '../../src/wiring/foundation.ts';

const CLAIMERS = 32;
const ALGORITHM = 'signed_curve25519';
const SERVER = 'bench.example';

export type ClaimFigures = {
  readonly claimsPerSecond: number;
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

/**
 * Claims with 32 concurrent claimers against plain journaled `findOneAndDelete` of the same documents on the same
 * mongod, in turns, so that what else the machine does hits both alike.
 */
export const benchClaims = async (
  { db, transact, platform }: Foundation,
  claims: number,
): Promise<ClaimFigures> => {
  const devices = Array.from({ length: 50 }, (_, index) => ({
    userId: `@user${index}:${SERVER}`,
    deviceId: `DEVICE${index}`,
  }));
  const prekeys = new MongoPrekeyStore({ db, clock: platform.clock, transact });
  const deps = {
    prekeys,
    remote: { query: () => Promise.reject(new Error()), claim: () => Promise.reject(new Error()) },
    rateLimiter: { consume: () => Promise.resolve() },
    stock: { claimed: () => undefined, uploaded: () => undefined },
    serverName: SERVER,
  };
  const plain = db.collection<Row>('benchPlainKeys');
  await plain.createIndexes([{ name: 'plain', key: { device: 1, algorithm: 1, order: 1 } }]);
  const perRound = Math.ceil(claims / 4);
  const given = new Map<string, number>();
  let ours = 0;
  let theirs = 0;
  for (let round = 0; round < 4; round += 1) {
    const rows = rowsFor(
      devices.map(({ userId, deviceId }) => ({ userId, deviceId: `${deviceId}R${round}` })),
      Math.ceil(perRound / devices.length),
    );
    await db.collection<(typeof rows)[number]>('oneTimeKeys').insertMany(rows);
    await plain.insertMany(rows);
    const deviceAt = (index: number): DeviceRef => {
      const at = devices[index % devices.length];
      return { userId: at?.userId ?? '', deviceId: `${at?.deviceId ?? ''}R${round}` };
    };
    ours += await byClaimers(rows.length, async (index) => {
      const { userId, deviceId } = deviceAt(index);
      const wish = new Map([[userId, new Map([[deviceId, [ALGORITHM]]])]]);
      const keys = await claimLocalKeys(deps, { user: '@claimer:bench' }, wish, { bundle: false });
      for (const id of keys.get(userId)?.get(deviceId)?.keys() ?? []) {
        const name = `${deviceId} ${id}`;
        given.set(name, (given.get(name) ?? 0) + 1);
      }
    });
    theirs += await byClaimers(rows.length, async (index) => {
      const { userId, deviceId } = deviceAt(index);
      await plain.findOneAndDelete(
        { device: `${userId}\n${deviceId}`, algorithm: ALGORITHM },
        { sort: { order: 1 } },
      );
    });
  }
  return {
    claimsPerSecond: given.size / ours,
    plainPerSecond: given.size / theirs,
    twice: [...given.values()].filter((times) => times > 1).length,
  };
};
