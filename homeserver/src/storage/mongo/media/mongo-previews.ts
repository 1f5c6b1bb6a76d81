import { createHash } from 'node:crypto';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { mongo } from 'mongoose';
import type { PreviewStore } from '../../../ports/previews.ts';
import type { NamedIndex } from '../create-indexes.ts';

export const PREVIEWS = 'linkPreviews';

type Row = { _id: string; preview: string; expireAt: Date };

export const PREVIEW_INDEXES: readonly NamedIndex[] = [
  { name: 'preview_expiry', key: { expireAt: 1 }, expireAfterSeconds: 0 },
];

/** Addresses are kept as digests: which pages users talk of is nobody's business. */
const idOf = (url: string): string => createHash('sha256').update(url).digest('base64url');

/** Previews of links in MongoDB. */
export const mongoPreviews = (db: mongo.Db): PreviewStore => {
  const rows = db.collection<Row>(PREVIEWS);
  return {
    find: async (url, now) => {
      const row = await rows.findOne({ _id: idOf(url), expireAt: { $gt: new Date(now) } });
      return row === null ? undefined : (JSON.parse(row.preview) as JsonObject);
    },
    put: async (url, preview, expiresAt) => {
      const expireAt = new Date(expiresAt);
      await rows.replaceOne(
        { _id: idOf(url) },
        { preview: JSON.stringify(preview), expireAt },
        { upsert: true },
      );
    },
  };
};
