import type { mongo } from 'mongoose';
import type { RemoteAnswers } from '../../../domain/e2ee/federation/remote-bundles.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { UploadedKey } from '../../../ports/device-key-store.ts';
import type { ClaimedKeys } from '../../../ports/remote-keys.ts';
import { BUNDLE_CLAIMS } from './key-collections.ts';

type AnswerRow = { readonly _id: string; readonly claimedAt: Date; readonly json: string };
type AnswerJson = readonly (readonly [string, readonly (readonly [string, [string, UploadedKey][]])[]])[];

const idOf = (id: string): string => `remote\n${id}`;

/** Answers of other servers, beside those that this server gave, in MongoDB. */
export class MongoRemoteAnswers implements RemoteAnswers {
  readonly #rows: mongo.Collection<AnswerRow>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#rows = db.collection(BUNDLE_CLAIMS);
    this.#clock = clock;
  }

  async find(id: string): Promise<ClaimedKeys | undefined> {
    const row = await this.#rows.findOne({ _id: idOf(id) });
    if (row === null) return undefined;
    return new Map(
      (JSON.parse(row.json) as AnswerJson).map(([user, devices]) => [
        user,
        new Map(devices.map(([device, keys]) => [device, new Map(keys)])),
      ]),
    );
  }

  async put(id: string, keys: ClaimedKeys): Promise<void> {
    const json = JSON.stringify(
      [...keys].map(([user, devices]) => [user, [...devices].map(([device, found]) => [device, [...found]])]),
    );
    await this.#rows.updateOne(
      { _id: idOf(id) },
      { $setOnInsert: { claimedAt: new Date(this.#clock.now()), json } },
      { upsert: true },
    );
  }
}
