import * as z from 'zod/mini';
import type { EngineClient } from '../crypto/engine/protocol.ts';
import type { IndexStore } from '../matrix/search/room-index.ts';
import type { OutboxEntry, OutboxStore } from '../matrix/send-queue/outbox.ts';

const entry = z.object({
  txnId: z.string(),
  roomId: z.string(),
  kind: z.enum(['event', 'redaction']),
  type: z.string(),
  content: z.record(z.string(), z.unknown()),
  createdAt: z.number(),
  attempts: z.number(),
  state: z.enum(['queued', 'failed']),
  error: z.optional(z.string()),
});

/** Most pages of a collection that are read; each holds hundreds. */
const maxPages = 40;

/** Unsent events in the vault's database, sealed there; what cannot be read as one is left out. */
export const sealedOutbox = (engine: EngineClient): OutboxStore => ({
  load: async () => {
    const found: OutboxEntry[] = [];
    let after: string | undefined;
    for (let page = 0; page < maxPages; page += 1) {
      const { entries, next } = await engine.call('localList', {
        collection: 'outbox',
        ...(after === undefined ? {} : { after }),
      });
      for (const { value } of entries) {
        const parsed = entry.safeParse(value);
        if (parsed.success) found.push({ ...parsed.data, error: parsed.data.error });
      }
      if (next === undefined) break;
      after = next;
    }
    return found.sort((one, other) => one.createdAt - other.createdAt);
  },
  put: async (value) => {
    await engine.call('localPut', { collection: 'outbox', put: [{ key: value.txnId, value }] });
  },
  remove: async (txnId) => {
    await engine.call('localPut', { collection: 'outbox', remove: [txnId] });
  },
});

/** Parts of the search index in the vault's database, sealed there. */
export const sealedIndex = (engine: EngineClient): IndexStore => ({
  get: async (keys) => {
    const { entries } = await engine.call('localGet', { collection: 'search', keys: [...keys] });
    return new Map(entries.map(({ key, value }) => [key, value]));
  },
  put: async (entries) => {
    await engine.call('localPut', { collection: 'search', put: [...entries] });
  },
});
