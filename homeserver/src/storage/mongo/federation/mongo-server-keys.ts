import type { KeyStore } from '@nyx/federation/signing/key-ring.ts';
import type { PublishedKeys, ServerKey } from '@nyx/federation/signing/server-keys.ts';
import type { KeyId } from '@nyx/federation/spec/identifiers/key-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { mongo } from 'mongoose';
import type { NamedIndex } from '../create-indexes.ts';

export const SERVER_KEYS = 'server_keys';

type Row = {
  /** Server and key id. */
  _id: string;
  server: ServerName;
  keyId: KeyId;
  publicKey: string;
  validUntil: number;
  retired: boolean;
  /** The answer it came from, as JSON: what this server passes on as a notary. */
  json: string;
};

export const SERVER_KEY_INDEXES: readonly NamedIndex[] = [{ name: 'server_keys_server', key: { server: 1 } }];

/** Public keys of other servers, kept for ever: old events need old keys. */
export class MongoServerKeys implements KeyStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>(SERVER_KEYS);
  }

  async load(servers: readonly ServerName[]): Promise<readonly ServerKey[]> {
    const rows = await this.#rows.find({ server: { $in: [...servers] } }).toArray();
    return rows.map(({ server, keyId, publicKey, validUntil, retired }) => ({
      server,
      keyId,
      publicKey,
      validUntil,
      retired,
    }));
  }

  async save(published: readonly PublishedKeys[]): Promise<void> {
    const operations = published.flatMap(({ keys, json }) => {
      const text = JSON.stringify(json);
      return keys.map((key) => ({
        replaceOne: {
          filter: { _id: `${key.server} ${key.keyId}` },
          replacement: { ...key, json: text },
          upsert: true,
        },
      }));
    });
    if (operations.length > 0) await this.#rows.bulkWrite(operations, { ordered: false });
  }

  /** The answers in which a server told its keys, newest validity first, as JSON texts. */
  async answersOf(server: ServerName): Promise<readonly string[]> {
    const rows = await this.#rows.find({ server }).sort({ validUntil: -1 }).toArray();
    return [...new Set(rows.map(({ json }) => json))];
  }
}
