import { createHash } from 'node:crypto';
import { RemoteError } from '@nyx/federation/http/errors.ts';
import { SigningKey } from '@nyx/federation/signing/keys.ts';
import { DomainError } from '../domain/errors.ts';
import { OwnPolicy } from '../domain/events/own-policy.ts';
import type { PolicySignatures } from '../domain/events/policy-servers.ts';
import type { Foundation } from './foundation.ts';
import type { Peers } from './peers.ts';
import { signerOf } from './signer.ts';

/** What this server recommends in rooms that it is the policy server of; undefined when it is none. */
export const ownPolicy = ({ config, platform }: Foundation): OwnPolicy | undefined => {
  const { enabled, deniedTerms } = config.federation.policyServer;
  if (!enabled) return undefined;
  const seed = createHash('sha256').update(platform.secret('policy-key').reveal()).digest();
  const key = SigningKey.fromSeed('policy_server', seed);
  return new OwnPolicy(signerOf(config, platform).server, key, deniedTerms);
};

/** Signatures of policy servers: our own, and those of others, asked for. */
export const policySignatures = (
  foundation: Foundation,
  peers: Pick<Peers, 'api'> | undefined,
  own: OwnPolicy | undefined,
): PolicySignatures => ({
  ask: async (server, event, head) => {
    if (server === signerOf(foundation.config, foundation.platform).server) {
      if (own === undefined) throw new DomainError('forbidden', 'This server is no policy server any more');
      return own.sign(head.rules, event);
    }
    if (peers === undefined) throw new DomainError('federation_disabled', 'This server does not federate');
    try {
      return await peers.api.policySign(server, event.json);
    } catch (error) {
      throw refusal(error);
    }
  },
});

/** What the policy server answers is given to the client as it is (spec: Validating Policy Server signatures). */
const refusal = (error: unknown): DomainError => {
  if (!(error instanceof RemoteError) || error.status >= 500) {
    return new DomainError('bad_gateway', 'The policy server of the room does not answer', { cause: error });
  }
  const { body, errcode, retryAfterMs } = error;
  const said = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  const text = typeof said === 'string' ? said.slice(0, MAX_SAID) : 'The policy server refused the event';
  return new DomainError(error.status === 429 ? 'limit_exceeded' : 'not_recommended', text, {
    cause: error,
    ...(errcode === undefined ? {} : { fields: { errcode } }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
};

/** Characters of a policy server's explanation that are passed on. */
const MAX_SAID = 1_000;
