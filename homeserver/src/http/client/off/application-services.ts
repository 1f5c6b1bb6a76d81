import { DomainError } from '../../../domain/errors.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';

/** No token here is that of an application service. */
const refused = (): Promise<never> =>
  Promise.reject(new DomainError('forbidden', 'Only application services may do this'));

/** Spec: Client-Server API, operations of application services: as a server that has none answers everybody. */
export const applicationServiceRoutes = () => [
  defineRoute({
    operation: 'pingAppservice',
    method: 'POST',
    paths: ['/_matrix/client/v1/appservice/{appserviceId}/ping'],
    auth: 'access_token',
    limit: 'profile',
    handler: refused,
  }),
  defineRoute({
    operation: 'updateAppserviceRoomDirectoryVisibility',
    method: 'PUT',
    paths: clientPaths('/directory/list/appservice/{networkId}/{roomId}'),
    auth: 'access_token',
    limit: 'profile',
    handler: refused,
  }),
];
