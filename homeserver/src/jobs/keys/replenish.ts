import { z } from 'zod';
import type { AskForKeys } from '../../domain/e2ee/ask-for-keys.ts';
import { LOW_STOCK } from '../../domain/e2ee/limits.ts';
import { REPLENISH_JOB } from '../../domain/e2ee/stock-watch.ts';
import type { KeyStocks } from '../../ports/key-stocks.ts';
import type { JobDefinition } from '../define-job.ts';
import { defineJob } from '../define-job.ts';

/** Asks a device for one-time keys, if it is still low. */
export const replenishJob = (stocks: KeyStocks, ask: AskForKeys): JobDefinition =>
  defineJob({
    name: REPLENISH_JOB,
    queue: 'keys',
    retry: { attempts: 10, backoffMs: 1_000 },
    payload: z.object({ userId: z.string(), deviceId: z.string() }),
    run: async (device) => {
      const [low] = await stocks.lowAmong([device], LOW_STOCK);
      if (low !== undefined) await ask(device, false);
    },
  });
