import type Koa from 'koa';
import type { Queues } from './queues.ts';

/** Builds the queue page. Imports its packages only now. */
export const loadQueuePage = async (queues: Queues, basePath: string): Promise<Koa.Middleware> => {
  const [{ createBullBoard }, { BullMQAdapter }, { KoaAdapter }] = await Promise.all([
    import('@bull-board/api'),
    import('@bull-board/api/bullMQAdapter'),
    import('@bull-board/koa'),
  ]);
  const adapter = new KoaAdapter();
  adapter.setBasePath(basePath);
  createBullBoard({
    queues: queues.all().map((queue) => new BullMQAdapter(queue)),
    serverAdapter: adapter,
  });
  return adapter.registerPlugin();
};
