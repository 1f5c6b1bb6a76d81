import { defineRoute } from '../route.ts';

/** What a process depends on, and whether it is there. */
export type Readiness = { readonly mongo: boolean; readonly redis: boolean; readonly stopping: boolean };

/** The process runs and answers. For whoever restarts processes that hang. */
export const healthRoute = () =>
  defineRoute({
    operation: 'health',
    method: 'GET',
    paths: ['/health'],
    auth: 'none',
    limit: 'none',
    handler: () => ({ body: { status: 'ok' } }),
  });

/**
 * Whether requests should be sent here. Without Redis they still should: what needs only the database goes on.
 */
export const readyRoute = (check: () => Promise<Readiness>) =>
  defineRoute({
    operation: 'ready',
    method: 'GET',
    paths: ['/ready'],
    auth: 'none',
    limit: 'none',
    handler: async () => {
      const readiness = await check();
      const ready = readiness.mongo && !readiness.stopping;
      return {
        status: ready ? 200 : 503,
        body: { status: ready ? 'ready' : 'not ready', ...readiness },
        ...(ready ? {} : { headers: { 'retry-after': '5' } }),
      };
    },
  });
