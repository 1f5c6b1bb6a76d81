import { MEMBERSHIPS } from '@nyx/federation/spec/event-types.ts';
import { z } from 'zod';
import type { GetState } from '../../../domain/rooms/get-state.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { audienceOf, roomParams, self } from '../schemas.ts';

const query = z.object({
  at: z.string().optional(),
  membership: z.enum(MEMBERSHIPS).optional(),
  not_membership: z.enum(MEMBERSHIPS).optional(),
});

/** Spec: Client-Server API, GET rooms/{roomId}/members. */
export const getMembersRoute = (state: GetState) =>
  defineRoute({
    operation: 'getMembersByRoom',
    method: 'GET',
    paths: clientPaths('/rooms/{roomId}/members'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: roomParams,
    query,
    handler: async ({ params, query: { at, membership, not_membership: notMembership }, requester }) => {
      const audience = audienceOf(requester);
      const chunk = await state.members({ room: params.roomId, audience, at, membership, notMembership });
      return { body: { chunk } };
    },
  });

/** Spec: Client-Server API, GET rooms/{roomId}/joined_members. */
export const getJoinedMembersRoute = (state: GetState) =>
  defineRoute({
    operation: 'getJoinedMembersByRoom',
    method: 'GET',
    paths: clientPaths('/rooms/{roomId}/joined_members'),
    auth: 'access_token',
    limit: 'read',
    params: roomParams,
    handler: async ({ params, requester }) => ({
      body: { joined: Object.fromEntries(await state.joined(params.roomId, self(requester))) },
    }),
  });
