import type { Config, RateLimitName } from '@nyx/config/schema.ts';
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { DomainError } from '../domain/errors.ts';
import type { RateLimiter } from '../ports/rate-limiter.ts';

const limiterFor = (
  redis: Redis,
  keyPrefix: string,
  { perSecond, burst }: { readonly perSecond: number; readonly burst: number },
): RateLimiterAbstract => {
  // A window in which the whole burst is refilled: the same rate over time as a bucket, in one Redis command.
  const limits = { keyPrefix, points: burst, duration: Math.max(1, Math.ceil(burst / perSecond)) };
  return new RateLimiterRedis({
    ...limits,
    storeClient: redis,
    // Once a key is over its limit, Redis is not asked again until the window is over.
    inMemoryBlockOnConsumed: burst + 1,
    insuranceLimiter: new RateLimiterMemory(limits),
    rejectIfRedisNotReady: true,
  });
};

/** Rate limits counted in Redis over all processes; while Redis is away, each process counts for itself. */
export const createRateLimiter = (
  redis: Redis,
  prefix: string,
  config: Config['rateLimits'],
): RateLimiter => {
  if (!config.enabled) return { consume: () => Promise.resolve() };
  const { enabled: _enabled, ...limits } = config;
  const limiters = new Map<string, RateLimiterAbstract>(
    Object.entries(limits).map(([name, limit]) => [
      name,
      limiterFor(redis, `${prefix}:limit:${name}`, limit),
    ]),
  );
  return {
    consume: async (limit: RateLimitName, key: string, cost = 1) => {
      try {
        await limiters.get(limit)?.consume(key, cost);
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        throw new DomainError('limit_exceeded', 'Too many requests', { retryAfterMs: error.msBeforeNext });
      }
    },
  };
};
