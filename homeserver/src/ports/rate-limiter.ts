import type { RateLimitName } from '@nyx/config/schema.ts';

/** Token buckets shared by all processes. */
export interface RateLimiter {
  /** Takes `cost` tokens (1 by default) out of `key`'s bucket, or throws `limit_exceeded` with the time to wait. */
  consume(limit: RateLimitName, key: string, cost?: number): Promise<void>;
}
