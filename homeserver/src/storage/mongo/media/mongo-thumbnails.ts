import type { mongo } from 'mongoose';
import type { StoredThumbnail, ThumbnailKey, ThumbnailStore } from '../../../ports/thumbnail-store.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';

export const THUMBNAILS = 'thumbnails';

type Row = { _id: string; media: string; expireAt?: Date } & StoredThumbnail;

export const THUMBNAIL_INDEXES: readonly NamedIndex[] = [
  { name: 'thumbnail_media', key: { media: 1 } },
  {
    name: 'thumbnail_blob',
    key: { 'content.blob': 1 },
    partialFilterExpression: { 'content.blob': { $exists: true } },
  },
  { name: 'thumbnail_expiry', key: { expireAt: 1 }, sparse: true, expireAfterSeconds: 0 },
];

/** Failures are forgotten after a day: another version may know more formats. */
const FAILURE_MS = 86_400_000;

const mediaOf = (server: string, mediaId: string): string => `${server}/${mediaId}`;
const idOf = ({ server, mediaId, variant }: ThumbnailKey): string => `${mediaOf(server, mediaId)} ${variant}`;

/** Thumbnails in MongoDB; their bytes are in the blob store. */
export class MongoThumbnails implements ThumbnailStore {
  readonly #rows: mongo.Collection<Row>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#rows = db.collection<Row>(THUMBNAILS);
    this.#clock = clock;
  }

  async find(key: ThumbnailKey): Promise<StoredThumbnail | undefined> {
    const row = await this.#rows.findOne({ _id: idOf(key) });
    if (row === null) return undefined;
    return row.content === undefined ? { failure: row.failure } : { content: row.content };
  }

  async add(key: ThumbnailKey, thumbnail: StoredThumbnail): Promise<boolean> {
    const expiry =
      thumbnail.content === undefined ? { expireAt: new Date(this.#clock.now() + FAILURE_MS) } : {};
    try {
      const media = mediaOf(key.server, key.mediaId);
      await this.#rows.insertOne({ _id: idOf(key), media, ...thumbnail, ...expiry });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async blobsOf(server: string, mediaId: string): Promise<string[]> {
    const rows = await this.#rows.find({ media: mediaOf(server, mediaId) }).toArray();
    return rows.flatMap(({ content }) => (content === undefined ? [] : [content.blob]));
  }

  async removeOf(server: string, mediaId: string): Promise<void> {
    await this.#rows.deleteMany({ media: mediaOf(server, mediaId) });
  }

  async refersTo(blob: string): Promise<boolean> {
    return (await this.#rows.findOne({ 'content.blob': blob }, { projection: { _id: 1 } })) !== null;
  }
}
