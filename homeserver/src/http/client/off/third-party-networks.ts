import { DomainError } from '../../../domain/errors.ts';
import { defineRoute } from '../../route.ts';

const both = (path: string): string[] => [`/_matrix/client/v3${path}`, `/_matrix/client/r0${path}`];

const none = (): Promise<never> =>
  Promise.reject(new DomainError('not_found', 'No bridge to that network is known'));

const LOOKUPS: Readonly<Record<string, string>> = {
  getProtocolMetadata: '/thirdparty/protocol/{protocol}',
  queryLocationByProtocol: '/thirdparty/location/{protocol}',
  queryUserByProtocol: '/thirdparty/user/{protocol}',
  queryLocationByAlias: '/thirdparty/location',
  queryUserByID: '/thirdparty/user',
};

/** Spec: Client-Server API, Third-party lookups: no bridges, no networks. */
export const thirdPartyNetworkRoutes = () => [
  defineRoute({
    operation: 'getProtocols',
    method: 'GET',
    paths: both('/thirdparty/protocols'),
    auth: 'access_token',
    limit: 'read',
    handler: () => ({ body: {} }),
  }),
  ...Object.entries(LOOKUPS).map(([operation, path]) =>
    defineRoute({
      operation,
      method: 'GET',
      paths: both(path),
      auth: 'access_token',
      limit: 'read',
      handler: none,
    }),
  ),
];
