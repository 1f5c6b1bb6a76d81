import { healthRoute, readyRoute } from '../http/operator/health.ts';
import { metricsRoute } from '../http/operator/metrics.ts';
import type { Area } from './area.ts';
import type { Foundation } from './foundation.ts';

const PING_TIMEOUT_MS = 1_000;

/** Whether the database answers now. */
const isMongoUp = async ({ db }: Foundation): Promise<boolean> => {
  try {
    await db.command({ ping: 1 }, { timeoutMS: PING_TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
};

const registerGauges = (foundation: Foundation): void => {
  const { metrics, redis, queues, outbox, stream } = foundation;
  metrics.gauge('nyx_mongo_up', 'Whether the database answers', async () =>
    Number(await isMongoUp(foundation)),
  );
  metrics.gauge('nyx_redis_up', 'Whether Redis is connected', () => Number(redis.status === 'ready'));
  metrics.gauge('nyx_stream_mark', 'Stream position up to which everything is visible', () => stream.mark());
  metrics.gaugeByLabel('nyx_queue_depth', 'Jobs in Redis, by queue', 'queue', async () =>
    redis.status === 'ready' ? queues.depths() : {},
  );
  metrics.gaugeByLabel('nyx_outbox_jobs', 'Jobs not yet done, by name', 'job', () =>
    outbox.countByName().catch(() => ({})),
  );
};

/** Health, readiness and metrics: what every process answers, whatever its roles. */
export const wireOperator = (foundation: Foundation, stopping: AbortSignal): Area => {
  const { config, redis, metrics } = foundation;
  registerGauges(foundation);
  const check = async () => ({
    mongo: await isMongoUp(foundation),
    redis: redis.status === 'ready',
    stopping: stopping.aborted,
  });
  return {
    routes: [
      healthRoute(),
      readyRoute(check),
      metricsRoute(() => metrics.render(), config.server.admin.openMetrics),
    ],
  };
};
