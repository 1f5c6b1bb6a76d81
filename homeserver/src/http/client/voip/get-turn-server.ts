import { DomainError } from '../../../domain/errors.ts';
import type { TurnCredentials } from '../../../domain/calls/turn-credentials.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';

/** GET /voip/turnServer (spec: Client-Server API, Voice over IP). Not found on a server without relays. */
export const getTurnServerRoute = (credentials: (userId: string) => TurnCredentials | undefined): Route =>
  defineRoute({
    operation: 'getTurnServer',
    method: 'GET',
    paths: ['/_matrix/client/v3/voip/turnServer'],
    auth: 'access_token',
    limit: 'read',
    handler: ({ requester }) => {
      const found = credentials(requester.userId);
      if (found === undefined) throw new DomainError('not_found', 'This server has no relays for calls');
      return { body: found };
    },
  });
