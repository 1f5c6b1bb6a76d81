import { defineRoute } from '../../route.ts';

/** Every version from the first to the one this server is written against (spec v1.19). */
const VERSIONS = Array.from({ length: 19 }, (_, index) => `v1.${index + 1}`);

/** Spec: Client-Server API, GET /_matrix/client/versions. */
export const getVersionsRoute = (unstableFeatures: Readonly<Record<string, boolean>>) => {
  const body = { versions: ['r0.6.1', ...VERSIONS], unstable_features: unstableFeatures };
  return defineRoute({
    operation: 'getVersions',
    method: 'GET',
    paths: ['/_matrix/client/versions'],
    auth: 'optional',
    allowGuest: true,
    allowLocked: true,
    limit: 'none',
    handler: () => ({ body }),
  });
};
