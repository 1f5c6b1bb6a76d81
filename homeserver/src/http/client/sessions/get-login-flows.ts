import { defineRoute } from '../../route.ts';

const body = { flows: [{ type: 'm.login.password' }, { type: 'm.login.token', get_login_token: true }] };

/** Spec: GET /_matrix/client/v3/login. */
export const getLoginFlowsRoute = () =>
  defineRoute({
    operation: 'getLoginFlows',
    method: 'GET',
    paths: ['/_matrix/client/v3/login', '/_matrix/client/r0/login'],
    auth: 'none',
    limit: 'read',
    handler: () => ({ body }),
  });
