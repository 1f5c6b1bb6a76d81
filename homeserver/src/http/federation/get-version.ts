import { defineRoute } from '../route.ts';

/** Spec: Server-Server API, GET version. */
export const getVersionRoute = (version: string) =>
  defineRoute({
    operation: 'getVersion',
    method: 'GET',
    paths: ['/_matrix/federation/v1/version'],
    auth: 'none',
    limit: 'none',
    handler: () => ({ body: { server: { name: 'Nyx', version } } }),
  });
