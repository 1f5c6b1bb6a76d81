import { z } from 'zod';
import type { ReceiveTransaction } from '../../domain/federation/receive-transaction.ts';
import { defineJob } from '../define-job.ts';

/** Tries received events again whose past could not be had when they came. */
export const retryStagedJob = (transactions: ReceiveTransaction) =>
  defineJob({
    name: 'federation.retry-staged',
    queue: 'federation',
    retry: { attempts: 1, backoffMs: 1_000 },
    payload: z.unknown(),
    run: async () => {
      await transactions.retry();
    },
  });
