import { z } from 'zod';
import { LOW_STOCK } from '../../domain/e2ee/limits.ts';
import { REPLENISH_JOB } from '../../domain/e2ee/stock-watch.ts';
import type { DeviceSignals } from '../../ports/device-signals.ts';
import type { KeyStocks } from '../../ports/key-stocks.ts';
import type { JobDefinition } from '../define-job.ts';
import { defineJob } from '../define-job.ts';

/** Asks a device for one-time keys, if it is still low: by its counts in the next sync, and over its socket at once. */
export const replenishJob = (stocks: KeyStocks, signals: DeviceSignals): JobDefinition =>
  defineJob({
    name: REPLENISH_JOB,
    queue: 'keys',
    retry: { attempts: 10, backoffMs: 1_000 },
    payload: z.object({ userId: z.string(), deviceId: z.string() }),
    run: async (device) => {
      const [low] = await stocks.lowAmong([device], LOW_STOCK);
      if (low !== undefined) await signals.ask(device);
    },
  });
