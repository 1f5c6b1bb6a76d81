import { z } from 'zod';
import type { ServeHierarchy } from '../../domain/federation/serve-hierarchy.ts';
import { roomSummaryJson } from '../client/directory/room-json.ts';
import { defineRoute } from '../route.ts';
import { originOf, roomParams } from './schemas.ts';

/** Spec: Server-Server API, GET hierarchy. */
export const getHierarchyRoute = (spaces: ServeHierarchy) =>
  defineRoute({
    operation: 'getSpaceHierarchy',
    method: 'GET',
    paths: [
      '/_matrix/federation/v1/hierarchy/{roomId}',
      '/_matrix/federation/unstable/org.matrix.msc2946/hierarchy/{roomId}',
    ],
    auth: 'federation',
    limit: 'federation',
    params: roomParams,
    query: z.object({ suggested_only: z.enum(['true', 'false']).optional() }),
    handler: async ({ params, query, requester }) => {
      const suggestedOnly = query.suggested_only === 'true';
      const told = await spaces.tell(originOf(requester), params.roomId, suggestedOnly);
      return {
        body: {
          room: { ...roomSummaryJson(told.room), children_state: told.childEvents },
          children: told.children.map(roomSummaryJson),
          inaccessible_children: told.inaccessible,
        },
      };
    },
  });
