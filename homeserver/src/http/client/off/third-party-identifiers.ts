import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';

/**
 * E-mail addresses and phone numbers are not bound to accounts here: no server should have to know them. These answer
 * as a server with the feature switched off does (spec: Client-Server API, Adding account administrative contacts).
 */
const both = (path: string): string[] => [`/_matrix/client/v3${path}`, `/_matrix/client/r0${path}`];

const denied = (): Promise<never> =>
  Promise.reject(
    new DomainError('threepid_denied', 'This server does not use e-mail addresses or phone numbers'),
  );

const threepid = z.object({ medium: z.string(), address: z.string() });

const REQUEST_TOKEN: Readonly<Record<string, string>> = {
  requestTokenToRegisterEmail: '/register/email/requestToken',
  requestTokenToRegisterMSISDN: '/register/msisdn/requestToken',
  requestTokenToResetPasswordEmail: '/account/password/email/requestToken',
  requestTokenToResetPasswordMSISDN: '/account/password/msisdn/requestToken',
  requestTokenTo3PIDEmail: '/account/3pid/email/requestToken',
  requestTokenTo3PIDMSISDN: '/account/3pid/msisdn/requestToken',
};

const DENIED: Readonly<Record<string, string>> = {
  post3PIDs: '/account/3pid',
  add3PID: '/account/3pid/add',
  bind3PID: '/account/3pid/bind',
};

const UNBINDING: Readonly<Record<string, string>> = {
  delete3pidFromAccount: '/account/3pid/delete',
  unbind3pidFromAccount: '/account/3pid/unbind',
};

const common = { method: 'POST', limit: 'profile' } as const;

/** Routes for third-party identifiers, which this server does not bind. */
export const thirdPartyIdentifierRoutes = (): Route[] => [
  defineRoute({
    operation: 'getAccount3PIDs',
    method: 'GET',
    paths: both('/account/3pid'),
    auth: 'access_token',
    limit: 'read',
    handler: () => ({ body: { threepids: [] } }),
  }),
  ...Object.entries(REQUEST_TOKEN).map(([operation, path]) =>
    defineRoute({
      ...common,
      operation,
      limit: 'registration',
      paths: both(path),
      auth: 'none',
      handler: denied,
    }),
  ),
  ...Object.entries(DENIED).map(([operation, path]) =>
    defineRoute({ ...common, operation, paths: both(path), auth: 'access_token', handler: denied }),
  ),
  ...Object.entries(UNBINDING).map(([operation, path]) =>
    defineRoute({
      ...common,
      operation,
      paths: both(path),
      auth: 'access_token',
      bodySchema: threepid,
      handler: () => ({ body: { id_server_unbind_result: 'no-support' } }),
    }),
  ),
];
