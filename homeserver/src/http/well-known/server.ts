import { DomainError } from '../../domain/errors.ts';
import { defineRoute } from '../route.ts';

/** Spec: Server-Server API, Resolving server names. Only for servers that are reached elsewhere than at their name. */
export const wellKnownServerRoute = (delegate: string | undefined) =>
  defineRoute({
    operation: 'getWellKnown',
    method: 'GET',
    paths: ['/.well-known/matrix/server'],
    auth: 'none',
    limit: 'none',
    handler: () => {
      if (delegate === undefined)
        throw new DomainError('not_found', 'This server is reached at its own name');
      return { body: { 'm.server': delegate } };
    },
  });
