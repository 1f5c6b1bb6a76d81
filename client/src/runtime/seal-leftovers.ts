import type { IDBPDatabase } from 'idb';
import type { EngineClient } from '../crypto/engine/protocol.ts';
import { recordOf, stringOf } from '../matrix/events.ts';
import type { NyxDb } from '../matrix/store/db.ts';

/** The stores of the first version, with where a row's key and value stand in it. */
const leftovers = [
  { collection: 'outbox', keyAt: 'txnId', valueOf: (row: unknown): unknown => row },
  { collection: 'drafts', keyAt: 'key', valueOf: (row: unknown): unknown => recordOf(row)?.value },
] as const;

/**
 * Unsent messages and drafts that the first version of the store kept as they were written: they go under the vault's
 * seal, which must be open, and are erased where they lay. Rejects, with the rest left for the next start, when the
 * vault cannot take them.
 */
export const sealLeftovers = async (db: NyxDb, engine: EngineClient): Promise<void> => {
  // Today's schema has no such stores, and neither has a database that was made with it.
  const old = db as unknown as IDBPDatabase;
  for (const { collection, keyAt, valueOf } of leftovers) {
    if (!old.objectStoreNames.contains(collection)) continue;
    for (const row of (await old.getAll(collection)) as unknown[]) {
      const key = stringOf(recordOf(row)?.[keyAt]);
      if (key !== undefined)
        await engine.call('localPut', { collection, put: [{ key, value: valueOf(row) }] });
    }
    await old.clear(collection);
  }
};
