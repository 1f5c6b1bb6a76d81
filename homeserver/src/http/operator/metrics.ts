import { defineRoute, RawBody } from '../route.ts';

/** Metrics in Prometheus' text format. */
export const metricsRoute = (
  render: () => Promise<{ readonly contentType: string; readonly text: string }>,
  open: boolean,
) =>
  defineRoute({
    operation: 'metrics',
    method: 'GET',
    paths: ['/metrics'],
    auth: open ? 'none' : 'operator',
    limit: 'none',
    handler: async () => {
      const { contentType, text } = await render();
      return { body: new RawBody(text, contentType) };
    },
  });
