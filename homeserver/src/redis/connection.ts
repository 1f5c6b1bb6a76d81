import { Redis } from 'ioredis';
import type { Logger } from '../ports/logger.ts';

/** How a connection behaves while Redis is away. */
export type RedisPatience =
  /** Commands fail at once: for requests, which have something better to do than wait. */
  | 'fail-fast'
  /** Commands wait: for BullMQ's workers and the subscriber. */
  | 'wait';

const RECONNECT_STEP_MS = 100;
const RECONNECT_MAX_MS = 2_000;
const COMMAND_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 3_000;

const options = (patience: RedisPatience) => ({
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  enableReadyCheck: true,
  retryStrategy: (attempt: number) => Math.min(attempt * RECONNECT_STEP_MS, RECONNECT_MAX_MS),
  ...(patience === 'fail-fast'
    ? { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: COMMAND_TIMEOUT_MS }
    : { maxRetriesPerRequest: null }),
});

/**
 * A connection that reconnects for ever. It is not waited for: the server starts and serves without Redis. Going away
 * and coming back are each logged once.
 */
export const connectRedis = (uri: string, patience: RedisPatience, logger: Logger): Redis => {
  const redis = new Redis(uri, options(patience));
  let reported = false;
  redis.on('error', (error) => {
    if (reported) return;
    reported = true;
    logger.warn({ err: error }, 'redis is not reachable; going on without it');
  });
  redis.on('ready', () => {
    if (reported) logger.info({}, 'redis is back');
    reported = false;
  });
  redis.connect().catch(() => undefined);
  return redis;
};

/** Ends a connection without waiting for a server that may be gone. */
export const disconnectRedis = (redis: Redis): void => redis.disconnect(false);
