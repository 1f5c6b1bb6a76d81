import { timingSafeEqual, createHash } from 'node:crypto';
import type { Secret } from '@nyx/config/secret.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Authenticator, Requester } from '../../ports/authenticator.ts';
import type { FederationAuthenticator } from '../../ports/federation-authenticator.ts';
import type { Peer, Route } from '../route.ts';
import type { HttpContext } from '../state.ts';

export type AuthenticateDeps = {
  readonly authenticator: Authenticator;
  readonly federationAuthenticator: FederationAuthenticator | undefined;
  /** Opens the operator's pages. */
  readonly operatorToken: Secret;
};

export const BEARER = /^Bearer +([^ ]+) *$/i;
const BASIC = /^Basic +([A-Za-z0-9+/=]+) *$/i;
/** Longer than any token we make; spares hashing what cannot be one. */
export const MAX_TOKEN_LENGTH = 1_024;

/** The access token of a request: the header, or the deprecated query parameter. */
const tokenOf = (context: HttpContext): string | undefined => {
  const { authorization } = context.req.headers;
  const fromHeader = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
  if (fromHeader !== undefined) return fromHeader;
  if (!context.querystring.includes('access_token=')) return undefined;
  const fromQuery = context.query.access_token;
  return typeof fromQuery === 'string' && fromQuery !== '' ? fromQuery : undefined;
};

const requireUser = async (
  context: HttpContext,
  route: Route,
  deps: AuthenticateDeps,
): Promise<Requester> => {
  const token = tokenOf(context);
  if (token === undefined) throw new DomainError('missing_token', 'Missing access token');
  if (token.length > MAX_TOKEN_LENGTH) throw new DomainError('unknown_token', 'Unknown access token');
  const requester = await deps.authenticator.authenticate(token, {
    ip: context.state.ip,
    userAgent: context.req.headers['user-agent'],
  });
  checkRequester(requester, route);
  return requester;
};

/** Throws when a user of this kind may not call the route. */
export const checkRequester = (
  requester: Requester,
  route: Pick<Route, 'allowLocked' | 'allowGuest' | 'denySuspended'>,
): void => {
  if (requester.isLocked && route.allowLocked !== true) {
    throw new DomainError('user_locked', 'This account has been locked', { fields: { soft_logout: true } });
  }
  if (requester.isGuest && route.allowGuest !== true) {
    throw new DomainError('guest_access_forbidden', 'Guests cannot do this');
  }
  if (requester.isSuspended && route.denySuspended === true) {
    throw new DomainError('user_suspended', 'This account has been suspended');
  }
};

/** Equal in constant time whatever the lengths are. */
export const secretsEqual = (left: string, right: string): boolean =>
  timingSafeEqual(createHash('sha256').update(left).digest(), createHash('sha256').update(right).digest());

/** The operator's token, as a bearer token or, for browsers, as the password of basic authentication. */
export const requireOperator = (context: HttpContext, operatorToken: Secret): void => {
  const { authorization = '' } = context.req.headers;
  const basic = BASIC.exec(authorization)?.[1];
  const password =
    basic === undefined ? undefined : Buffer.from(basic, 'base64').toString().split(':').slice(1).join(':');
  const given = BEARER.exec(authorization)?.[1] ?? password;
  if (given !== undefined && secretsEqual(given, operatorToken.reveal())) return;
  context.set('www-authenticate', 'Basic realm="Nyx", charset="UTF-8"');
  throw new DomainError('missing_token', 'The admin token is needed');
};

/** Who makes the request, as the route's `auth` asks for it. */
export const authenticate = async (
  context: HttpContext,
  route: Route,
  deps: AuthenticateDeps,
): Promise<Requester | Peer | undefined> => {
  switch (route.auth) {
    case 'none':
      return undefined;
    case 'access_token':
      return requireUser(context, route, deps);
    case 'optional':
      return tokenOf(context) === undefined ? undefined : requireUser(context, route, deps);
    case 'admin': {
      const requester = await requireUser(context, route, deps);
      if (!requester.isAdmin) throw new DomainError('forbidden', 'You are not a server administrator');
      return requester;
    }
    case 'operator':
      requireOperator(context, deps.operatorToken);
      return undefined;
    case 'federation': {
      if (deps.federationAuthenticator === undefined) {
        throw new DomainError('federation_disabled', 'Federation is disabled on this server');
      }
      return deps.federationAuthenticator.verify({
        method: context.method,
        uri: context.req.url ?? '/',
        authorization: context.req.headers.authorization,
        body: context.state.rawBody,
        isReadInParts: route.body === 'raw',
      });
    }
  }
};
