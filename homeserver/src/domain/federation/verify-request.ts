import { canonicalJson } from '@nyx/federation/json/canonical.ts';
import { JsonError } from '@nyx/federation/json/errors.ts';
import { decodeUtf8, parseJson } from '@nyx/federation/json/parse.ts';
import type { KeyRing } from '@nyx/federation/signing/key-ring.ts';
import type { XMatrixProblem } from '@nyx/federation/signing/x-matrix.ts';
import { parseXMatrix, verifyXMatrix } from '@nyx/federation/signing/x-matrix.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FederationAuthenticator, SignedRequest } from '../../ports/federation-authenticator.ts';
import { DomainError } from '../errors.ts';

export type RequestVerifierDeps = {
  readonly server: ServerName;
  readonly keys: KeyRing;
  readonly clock: Clock;
  /** Whether the operator lets this server talk to us. */
  readonly allows: (server: ServerName) => boolean;
  /** Called with every server that proved who it is. */
  readonly onSpoke: (server: ServerName) => void;
};

const REASONS: Readonly<Record<XMatrixProblem, string>> = {
  missing: 'Missing Authorization header',
  other_scheme: 'Not an X-Matrix Authorization header',
  malformed: 'Malformed Authorization header',
  unknown_algorithm: 'Unknown signing algorithm',
  wrong_destination: 'The request is meant for another server',
  own_name: 'The request claims to come from this server',
};

/**
 * The signed form of a body. Throws `not_json`. JSON with a key twice, a lone surrogate or too deep nesting has no
 * canonical form; where it may come, it counts as signed just as it was sent: servers send what they signed.
 */
function canonicalBody(body: Uint8Array, isReadInParts: boolean): string | undefined {
  if (body.length === 0) return undefined;
  try {
    const text = decodeUtf8(body);
    try {
      return canonicalJson(parseJson(text), 'lenient');
    } catch (error) {
      if (isReadInParts && error instanceof JsonError && error.code !== 'syntax') return text;
      throw error;
    }
  } catch (error) {
    if (error instanceof JsonError) throw new DomainError('not_json', `The body is ${error.message}`);
    throw error;
  }
}

/** Checks who makes a federation request (spec: Server-Server API, Request Authentication). */
export class RequestVerifier implements FederationAuthenticator {
  readonly #deps: RequestVerifierDeps;

  constructor(deps: RequestVerifierDeps) {
    this.#deps = deps;
  }

  async verify(request: SignedRequest): Promise<{ origin: string }> {
    const { method, uri, authorization, body, isReadInParts } = request;
    const { server, keys, clock, allows, onSpoke } = this.#deps;
    const header = parseXMatrix(authorization, server);
    if (typeof header === 'string') throw new DomainError('unauthorized', REASONS[header]);
    const { origin, keyId } = header;
    if (!allows(origin)) throw new DomainError('forbidden', 'This server does not talk to yours');
    const content = canonicalBody(body, isReadInParts);
    const at = clock.now();
    let key = keys.lookup(origin, keyId, at);
    if (key === undefined) {
      await keys.fetch([{ server: origin, keyId, at }]);
      key = keys.lookup(origin, keyId, at);
    }
    if (key === undefined) throw new DomainError('unauthorized', `No key ${keyId} of ${origin} could be had`);
    if (!verifyXMatrix(header, { method, uri, destination: server, content }, key)) {
      throw new DomainError('unauthorized', `Invalid signature of ${origin} with key ${keyId}`);
    }
    keys.reachable(origin);
    onSpoke(origin);
    return { origin };
  }
}
