import { DomainError } from '../../../domain/errors.ts';
import { defineRoute } from '../../route.ts';

const off = (): Promise<never> =>
  Promise.reject(new DomainError('unrecognized', 'This server has no single sign-on'));

/** Spec: Client-Server API, SSO and OAuth 2.0: as a server without either answers. */
export const singleSignOnRoutes = () => [
  defineRoute({
    operation: 'redirectToSSO',
    method: 'GET',
    paths: ['/_matrix/client/v3/login/sso/redirect', '/_matrix/client/r0/login/sso/redirect'],
    auth: 'none',
    limit: 'login',
    handler: off,
  }),
  defineRoute({
    operation: 'redirectToIdP',
    method: 'GET',
    paths: ['/_matrix/client/v3/login/sso/redirect/{idpId}', '/_matrix/client/r0/login/sso/redirect/{idpId}'],
    auth: 'none',
    limit: 'login',
    handler: off,
  }),
  defineRoute({
    operation: 'getAuthMetadata',
    method: 'GET',
    paths: ['/_matrix/client/v1/auth_metadata'],
    auth: 'none',
    limit: 'login',
    handler: off,
  }),
];
