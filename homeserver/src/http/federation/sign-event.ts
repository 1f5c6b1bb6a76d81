import type { PolicyDesk } from '../../domain/federation/policy-desk.ts';
import { defineRoute } from '../route.ts';
import { bodyOf, EVENT_BODY_LIMIT, originOf } from './schemas.ts';

/** Spec: Server-Server API, POST sign of policy servers. */
export const policySignRoute = (desk: PolicyDesk) =>
  defineRoute({
    operation: 'askPolicyServerToSign',
    method: 'POST',
    paths: ['/_matrix/policy/v1/sign'],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    handler: async ({ requester, request }) => ({
      body: await desk.sign(originOf(requester), bodyOf(request.rawBody)),
    }),
  });
