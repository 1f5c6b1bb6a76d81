import { z } from 'zod';
import type { AcceptMembership } from '../../domain/federation/accept-membership.ts';
import type { AnswerMembership } from '../../domain/federation/answer-membership.ts';
import { defineRoute } from '../route.ts';
import { bodyOf, EVENT_BODY_LIMIT, eventParams, originOf } from './schemas.ts';

const V1 = '/_matrix/federation/v1';
const V2 = '/_matrix/federation/v2';
const joinQuery = z.object({ omit_members: z.enum(['true', 'false']).optional() });

/** Spec: Server-Server API, PUT send_join, send_leave and send_knock. Version 1 wraps its answers in `[200, ...]`. */
export const sendMembershipRoutes = (memberships: AcceptMembership, answers: AnswerMembership) => [
  defineRoute({
    operation: 'sendJoinV2',
    method: 'PUT',
    paths: [`${V2}/send_join/{roomId}/{eventId}`],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    params: eventParams,
    query: joinQuery,
    handler: async ({ params, query, requester, request }) => {
      const { roomId, eventId } = params;
      const json = bodyOf(request.rawBody);
      const accepted = await memberships.accept(originOf(requester), roomId, eventId, 'join', json);
      return { body: await answers.join(accepted, query.omit_members === 'true') };
    },
  }),
  defineRoute({
    operation: 'sendJoinV1',
    method: 'PUT',
    paths: [`${V1}/send_join/{roomId}/{eventId}`],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    params: eventParams,
    handler: async ({ params, requester, request }) => {
      const { roomId, eventId } = params;
      const json = bodyOf(request.rawBody);
      const accepted = await memberships.accept(originOf(requester), roomId, eventId, 'join', json);
      return { body: [200, await answers.join(accepted, false)] };
    },
  }),
  defineRoute({
    operation: 'sendLeaveV2',
    method: 'PUT',
    paths: [`${V2}/send_leave/{roomId}/{eventId}`],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    params: eventParams,
    handler: async ({ params, requester, request }) => {
      const { roomId, eventId } = params;
      await memberships.accept(originOf(requester), roomId, eventId, 'leave', bodyOf(request.rawBody));
      return { body: {} };
    },
  }),
  defineRoute({
    operation: 'sendLeaveV1',
    method: 'PUT',
    paths: [`${V1}/send_leave/{roomId}/{eventId}`],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    params: eventParams,
    handler: async ({ params, requester, request }) => {
      const { roomId, eventId } = params;
      await memberships.accept(originOf(requester), roomId, eventId, 'leave', bodyOf(request.rawBody));
      return { body: [200, {}] };
    },
  }),
  defineRoute({
    operation: 'sendKnock',
    method: 'PUT',
    paths: [`${V1}/send_knock/{roomId}/{eventId}`],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    params: eventParams,
    handler: async ({ params, requester, request }) => {
      const { roomId, eventId } = params;
      const json = bodyOf(request.rawBody);
      const accepted = await memberships.accept(originOf(requester), roomId, eventId, 'knock', json);
      return { body: await answers.knock(accepted) };
    },
  }),
];
