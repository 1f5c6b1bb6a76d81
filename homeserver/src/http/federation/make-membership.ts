import { z } from 'zod';
import type { MakeMembership } from '../../domain/federation/make-membership.ts';
import { defineRoute } from '../route.ts';
import { originOf, repeated, userParams } from './schemas.ts';

/** Without the parameter, a server supports version 1 (spec: GET make_join). */
const versionsQuery = z.object({ ver: repeated }).transform(({ ver }) => (ver.length > 0 ? ver : ['1']));

const KINDS = [
  ['makeJoin', 'join'],
  ['makeLeave', 'leave'],
  ['makeKnock', 'knock'],
] as const;

/** Spec: Server-Server API, GET make_join, make_leave and make_knock. */
export const makeMembershipRoutes = (templates: MakeMembership) =>
  KINDS.map(([operation, membership]) =>
    defineRoute({
      operation,
      method: 'GET',
      paths: [`/_matrix/federation/v1/make_${membership}/{roomId}/{userId}`],
      auth: 'federation',
      limit: 'federation',
      params: userParams,
      query: versionsQuery,
      handler: async ({ params, query, requester }) => ({
        body: await templates.make(originOf(requester), params.roomId, params.userId, membership, query),
      }),
    }),
  );
