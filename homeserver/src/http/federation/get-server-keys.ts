import type { JsonObject } from '@nyx/federation/json/value.ts';
import { defineRoute } from '../route.ts';

/** Spec: Server-Server API, Publishing Keys. The form with a key id is deprecated and answers the same. */
export const getServerKeysRoute = (publish: () => JsonObject) =>
  defineRoute({
    operation: 'getServerKey',
    method: 'GET',
    paths: ['/_matrix/key/v2/server', '/_matrix/key/v2/server/{keyId}'],
    auth: 'none',
    limit: 'none',
    handler: () => ({ body: publish() }),
  });
