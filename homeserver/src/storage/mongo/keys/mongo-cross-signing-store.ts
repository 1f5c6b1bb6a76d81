import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { mongo } from 'mongoose';
import type {
  CrossSigningKeys,
  CrossSigningStore,
  CrossSigningUsage,
  KeySignature,
} from '../../../ports/cross-signing-store.ts';
import type { NamedIndex } from '../create-indexes.ts';
import type { Transact } from '../transaction.ts';

type CrossSigningRow = { readonly _id: string } & Partial<Readonly<Record<CrossSigningUsage, string>>>;
type SignatureRow = KeySignature & { readonly _id: string };

export const CROSS_SIGNING_KEYS = 'crossSigningKeys';
export const KEY_SIGNATURES = 'keySignatures';
export const KEY_SIGNATURES_INDEXES: readonly NamedIndex[] = [
  { name: 'key_signatures_target', key: { targetUser: 1, signer: 1 } },
  { name: 'key_signatures_signer', key: { signer: 1 } },
];

const parse = ({ master, self_signing, user_signing }: CrossSigningRow): CrossSigningKeys => ({
  ...(master === undefined ? {} : { master: JSON.parse(master) as JsonObject }),
  ...(self_signing === undefined ? {} : { self_signing: JSON.parse(self_signing) as JsonObject }),
  ...(user_signing === undefined ? {} : { user_signing: JSON.parse(user_signing) as JsonObject }),
});

/** Cross-signing keys and signatures in MongoDB. */
export class MongoCrossSigningStore implements CrossSigningStore {
  readonly #keys: mongo.Collection<CrossSigningRow>;
  readonly #signatures: mongo.Collection<SignatureRow>;
  readonly #transact: Transact;

  constructor(db: mongo.Db, transact: Transact) {
    this.#keys = db.collection(CROSS_SIGNING_KEYS);
    this.#signatures = db.collection(KEY_SIGNATURES);
    this.#transact = transact;
  }

  async ofUsers(userIds: readonly string[]): Promise<ReadonlyMap<string, CrossSigningKeys>> {
    const rows = await this.#keys.find({ _id: { $in: [...userIds] } }).toArray();
    return new Map(rows.map((row) => [row._id, parse(row)]));
  }

  async put(userId: string, keys: CrossSigningKeys): Promise<void> {
    const fields = Object.fromEntries(
      Object.entries(keys).map(([usage, key]) => [usage, JSON.stringify(key)]),
    );
    await this.#transact(async (session) => {
      if (keys.master === undefined) {
        await this.#keys.updateOne({ _id: userId }, { $set: fields }, { upsert: true, session });
        return;
      }
      // What the old identity signed means nothing under the new one.
      await this.#keys.replaceOne({ _id: userId }, fields, { upsert: true, session });
      await this.#signatures.deleteMany({ signer: userId }, { session });
    });
  }

  async signatures(userIds: readonly string[], viewer: string | undefined): Promise<readonly KeySignature[]> {
    const own = { $expr: { $eq: ['$signer', '$targetUser'] } };
    const visible = viewer === undefined ? own : { $or: [own, { signer: viewer }] };
    return this.#signatures
      .find({ targetUser: { $in: [...userIds] }, ...visible }, { hint: 'key_signatures_target' })
      .toArray();
  }

  async addSignatures(signatures: readonly KeySignature[]): Promise<void> {
    if (signatures.length === 0) return;
    await this.#signatures.bulkWrite(
      signatures.map((row) => ({
        replaceOne: {
          filter: { _id: [row.signer, row.keyId, row.targetUser, row.target].join('\n') },
          replacement: row,
          upsert: true,
        },
      })),
      { ordered: false },
    );
  }
}
