import { z } from 'zod';
import type { AcceptedMembership, AcceptMembership } from '../../domain/federation/accept-membership.ts';
import type { AnswerMembership } from '../../domain/federation/answer-membership.ts';
import type { Reply, Route } from '../route.ts';
import { defineRoute } from '../route.ts';
import { bodyOf, EVENT_BODY_LIMIT, eventParams, originOf } from './schemas.ts';

const joinQuery = z.object({ omit_members: z.enum(['true', 'false']).optional() });

/** What differs between the operations that hand over a membership event. */
type Sending = {
  readonly operation: string;
  readonly path: string;
  readonly membership: 'join' | 'knock' | 'leave';
  readonly answer: (accepted: AcceptedMembership, omitMembers: boolean) => Promise<Reply['body']>;
};

const sendRoute = (memberships: AcceptMembership, { operation, path, membership, answer }: Sending): Route =>
  defineRoute({
    operation,
    method: 'PUT',
    paths: [`/_matrix/federation/${path}/{roomId}/{eventId}`],
    auth: 'federation',
    limit: 'federation',
    bodyLimit: EVENT_BODY_LIMIT,
    params: eventParams,
    query: joinQuery,
    handler: async ({ params, query, requester, request }) => {
      const { roomId, eventId } = params;
      const json = bodyOf(request.rawBody);
      const accepted = await memberships.accept(originOf(requester), roomId, eventId, membership, json);
      return { body: await answer(accepted, query.omit_members === 'true') };
    },
  });

/** Spec: Server-Server API, PUT send_join, send_leave and send_knock. Version 1 wraps its answers in `[200, ...]`. */
export const sendMembershipRoutes = (memberships: AcceptMembership, answers: AnswerMembership): Route[] => {
  const sendings: readonly Sending[] = [
    {
      operation: 'sendJoinV2',
      path: 'v2/send_join',
      membership: 'join',
      answer: (accepted, omitMembers) => answers.join(accepted, omitMembers),
    },
    {
      operation: 'sendJoinV1',
      path: 'v1/send_join',
      membership: 'join',
      answer: async (accepted) => [200, await answers.join(accepted, false)],
    },
    { operation: 'sendLeaveV2', path: 'v2/send_leave', membership: 'leave', answer: async () => ({}) },
    { operation: 'sendLeaveV1', path: 'v1/send_leave', membership: 'leave', answer: async () => [200, {}] },
    {
      operation: 'sendKnock',
      path: 'v1/send_knock',
      membership: 'knock',
      answer: (accepted) => answers.knock(accepted),
    },
  ];
  return sendings.map((sending) => sendRoute(memberships, sending));
};
