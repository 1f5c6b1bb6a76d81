import type { mongo } from 'mongoose';
import type { MediaContent, MediaRecord, MediaStore } from '../../../ports/media-store.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';

export const MEDIA = 'media';

type Row = MediaRecord & {
  /** The content URI without its scheme. */
  _id: string;
  /** Set while the upload is only announced, for the index. */
  pending?: true;
};

export const MEDIA_INDEXES: readonly NamedIndex[] = [
  {
    name: 'media_pending',
    key: { owner: 1, expiresAt: 1 },
    partialFilterExpression: { pending: true },
  },
  {
    name: 'media_blob',
    key: { 'content.blob': 1 },
    partialFilterExpression: { 'content.blob': { $exists: true } },
  },
];

/** Copies that are deleted when nobody asks for them. */
export const MEDIA_SEEN_INDEX: NamedIndex = { name: 'media_seen', key: { seenAt: 1 }, sparse: true };

const keyOf = (server: string, mediaId: string): string => `${server}/${mediaId}`;

const recordOf = ({ _id, pending: _pending, ...record }: Row): MediaRecord => record;

/** Content URIs in MongoDB. */
export class MongoMedia implements MediaStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>(MEDIA);
  }

  async add(record: MediaRecord): Promise<boolean> {
    const pending = record.content === undefined ? ({ pending: true } as const) : {};
    try {
      await this.#rows.insertOne({ ...record, ...pending, _id: keyOf(record.server, record.mediaId) });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async find(server: string, mediaId: string): Promise<MediaRecord | undefined> {
    const row = await this.#rows.findOne({ _id: keyOf(server, mediaId) });
    return row === null ? undefined : recordOf(row);
  }

  async complete(server: string, mediaId: string, content: MediaContent): Promise<boolean> {
    const { modifiedCount } = await this.#rows.updateOne(
      { _id: keyOf(server, mediaId), pending: true },
      { $set: { content }, $unset: { pending: '', expiresAt: '' } },
    );
    return modifiedCount === 1;
  }

  async countPending(owner: string, now: number): Promise<number> {
    await this.#rows.deleteMany({ pending: true, owner, expiresAt: { $lte: now } });
    return this.#rows.countDocuments({ pending: true, owner });
  }

  async see(server: string, mediaId: string, at: number): Promise<void> {
    await this.#rows.updateOne({ _id: keyOf(server, mediaId) }, { $max: { seenAt: at } });
  }

  async unseenSince(before: number, limit: number): Promise<MediaRecord[]> {
    const rows = await this.#rows
      .find({ seenAt: { $lt: before } })
      .sort({ seenAt: 1 })
      .limit(limit)
      .hint(MEDIA_SEEN_INDEX.name)
      .toArray();
    return rows.map(recordOf);
  }

  async remove(server: string, mediaId: string): Promise<void> {
    await this.#rows.deleteOne({ _id: keyOf(server, mediaId) });
  }

  async refersTo(blob: string): Promise<boolean> {
    return (await this.#rows.findOne({ 'content.blob': blob }, { projection: { _id: 1 } })) !== null;
  }
}
