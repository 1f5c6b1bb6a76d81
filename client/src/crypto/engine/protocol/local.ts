/** The page's own data, sealed in the vault's database. */
import * as z from 'zod/mini';
import { LOCAL_COLLECTIONS, type LocalEntry } from '../../../vault/local-records.ts';

/** Most entries of one `localPut`, keys of one `localGet`, entries of one page. */
export const MAX_LOCAL_KEYS = 500;
const collection = z.enum(LOCAL_COLLECTIONS);
const localKey = z.string().check(z.minLength(1), z.maxLength(1024));
const localKeys = z.array(localKey).check(z.maxLength(MAX_LOCAL_KEYS));

/** Arguments of the operations on the page's own data. */
export const localArgs = {
  /**
   * Writes and removes entries of a collection in one commit: drafts, unsent messages, the search index. Keys and
   * values are sealed in the vault's database; values are JSON of at most 1 MiB. `outbox` has reached the disk when
   * this resolves. @throws VAULT_LOCKED, VALUE_TOO_LARGE, BAD_MESSAGE (no JSON)
   */
  localPut: z.object({
    collection,
    put: z._default(
      z.array(z.object({ key: localKey, value: z.unknown() })).check(z.maxLength(MAX_LOCAL_KEYS)),
      [],
    ),
    remove: z._default(localKeys, []),
  }),
  /** Those of `keys` that exist. */
  localGet: z.object({ collection, keys: localKeys }),
  /** A page of a collection, in an order that means nothing. `after` is the `next` of the page before. */
  localList: z.object({
    collection,
    after: z.optional(z.string().check(z.maxLength(64))),
    limit: z._default(z.number().check(z.int(), z.minimum(1), z.maximum(MAX_LOCAL_KEYS)), MAX_LOCAL_KEYS),
  }),
  /** Removes every entry of a collection. */
  localClear: z.object({ collection }),
} as const;

/** Their results. */
export type LocalResults = {
  localPut: Record<string, never>;
  localGet: { readonly entries: readonly LocalEntry[] };
  localList: { readonly entries: readonly LocalEntry[]; readonly next?: string };
  localClear: Record<string, never>;
};
