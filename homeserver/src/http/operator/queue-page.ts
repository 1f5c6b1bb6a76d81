import type { Secret } from '@nyx/config/secret.ts';
import type Koa from 'koa';
import type { HttpMiddleware } from '../state.ts';
import { requireOperator } from '../middleware/authenticate.ts';

/** Where the page is. */
export const QUEUE_PAGE_PATH = '/_nyx/admin/queues';

/** A page as koa middleware. */
export type QueuePage = Koa.Middleware;

/**
 * The page that shows the job queues, behind the admin token. It is loaded when it is first asked for: its packages
 * take more memory than an idle server has to spare.
 */
export const queuePage = (operatorToken: Secret, load: () => Promise<QueuePage>): HttpMiddleware => {
  let loading: Promise<QueuePage> | undefined;
  return async (context, next) => {
    if (context.path !== QUEUE_PAGE_PATH && !context.path.startsWith(`${QUEUE_PAGE_PATH}/`)) {
      await next();
      return;
    }
    context.state.operation = 'queuePage';
    requireOperator(context, operatorToken);
    loading ??= load();
    const page = await loading.catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    await page(context, next);
  };
};
