import { z } from 'zod';
import type { AccountObserver } from '../../ports/account-observer.ts';
import type { JobDefinition } from '../define-job.ts';
import { defineJob } from '../define-job.ts';

/** Tells every observer what happened to a user. Repeated as a whole when one of them fails. */
export const userEventJob = (
  name: string,
  observers: readonly AccountObserver[],
  tell: (observer: AccountObserver, userId: string, field: string) => Promise<void> | undefined,
): JobDefinition =>
  defineJob({
    name,
    queue: 'default',
    retry: { attempts: 20, backoffMs: 1_000 },
    payload: z.object({ userId: z.string(), field: z.string().default('') }),
    run: async ({ userId, field }) => {
      for (const observer of observers) await tell(observer, userId, field);
    },
  });
