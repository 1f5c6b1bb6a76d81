import { defineRoute } from '../route.ts';

/** Spec: Client-Server API, Well-known URI. Without a public address, the one the client used is right by definition. */
export const wellKnownClientRoute = (publicUrl: string | undefined) =>
  defineRoute({
    operation: 'getWellknown',
    method: 'GET',
    paths: ['/.well-known/matrix/client'],
    auth: 'none',
    limit: 'none',
    handler: ({ request }) => ({ body: { 'm.homeserver': { base_url: publicUrl ?? request.baseUrl } } }),
  });
