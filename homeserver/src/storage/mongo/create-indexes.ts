import type { mongo } from 'mongoose';

/** An index with the name that queries and duplicate-key handling know it by. */
export type NamedIndex = mongo.IndexDescription & { readonly name: string };

/** Creates a collection, when it is missing, and its indexes. Repeatable. */
export const createIndexes = async (
  db: mongo.Db,
  collection: string,
  indexes: readonly NamedIndex[],
): Promise<void> => {
  const exists = await db.listCollections({ name: collection }, { nameOnly: true }).hasNext();
  if (!exists) await db.createCollection(collection);
  if (indexes.length > 0) await db.collection(collection).createIndexes([...indexes]);
};
