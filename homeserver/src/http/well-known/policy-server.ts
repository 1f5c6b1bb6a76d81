import { DomainError } from '../../domain/errors.ts';
import { defineRoute } from '../route.ts';

/** Spec: Client-Server API, GET /.well-known/matrix/policy_server. */
export const wellKnownPolicyRoute = (publicKey: string | undefined) =>
  defineRoute({
    operation: 'getWellknownPolicy',
    method: 'GET',
    paths: ['/.well-known/matrix/policy_server'],
    auth: 'none',
    limit: 'none',
    handler: () => {
      if (publicKey === undefined) throw new DomainError('not_found', 'This server is no policy server');
      return { body: { public_keys: { ed25519: publicKey } } };
    },
  });
