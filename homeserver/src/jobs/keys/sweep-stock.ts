import { z } from 'zod';
import type { AskForKeys } from '../../domain/e2ee/ask-for-keys.ts';
import { LOW_STOCK } from '../../domain/e2ee/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KeyStocks } from '../../ports/key-stocks.ts';
import type { JobDefinition } from '../define-job.ts';
import { defineJob } from '../define-job.ts';

/** Clients rotate signed prekeys every 48 hours; one that is older than this was forgotten. */
const STALE_PREKEY_MS = 4 * 86_400_000;
/** Pause before a silent device is asked for the second time; it doubles with each request. */
const FIRST_PAUSE_MS = 3_600_000;
const PAGE = 500;
const MAX_PAGES = 10_000;
const MAX_BATCHES = 5_000;

/** Finds devices that are low on keys or keep an old signed prekey, and asks them again, ever more rarely. */
export const sweepStockJob = (stocks: KeyStocks, ask: AskForKeys, clock: Clock): JobDefinition =>
  defineJob({
    name: 'keys.sweep',
    queue: 'maintenance',
    retry: { attempts: 3, backoffMs: 10_000 },
    payload: z.object({}),
    run: async (_payload, { signal, log }) => {
      const now = clock.now();
      let cursor: string | undefined;
      let asked = 0;
      for (let page = 0; page < MAX_PAGES && !signal.aborted; page += 1) {
        const { devices, cursor: next } = await stocks.due({
          threshold: LOW_STOCK,
          staleBefore: new Date(now - STALE_PREKEY_MS),
          now: new Date(now),
          pauseMs: FIRST_PAUSE_MS,
          limit: PAGE,
          cursor,
        });
        for (const device of devices) await ask(device, true);
        asked += devices.length;
        if (next === undefined) break;
        cursor = next;
      }
      const retired = await stocks.retireSpentBatches(MAX_BATCHES);
      log.info({ asked, retired }, 'looked over the stock of one-time keys');
    },
  });
