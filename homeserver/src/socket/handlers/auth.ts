import { Secret } from '@nyx/config/secret.ts';
import { DomainError } from '../../domain/errors.ts';
import { MAX_TOKEN_LENGTH } from '../../http/middleware/authenticate.ts';
import type { Authenticator, Requester, RequestOrigin, SessionWatch } from '../../ports/authenticator.ts';
import { SocketClosed } from '../close-codes.ts';

/** Thrown while the access token has expired and a new one is waited for. */
export class TokenExpired extends Error {
  override readonly name = 'TokenExpired';
}

/** What a refused token means for the connection. Errors that are no refusal are returned as they are. */
const closing = (error: unknown): unknown => {
  if (!(error instanceof DomainError)) return error;
  const { code, message, fields } = error;
  if (code === 'user_locked') {
    return new SocketClosed('forbidden', { errcode: 'M_USER_LOCKED', error: message, soft_logout: true });
  }
  if (code !== 'unknown_token') return error;
  const errcode = 'M_UNKNOWN_TOKEN';
  return fields.soft_logout === true
    ? new SocketClosed('token_expired', { errcode, error: message, soft_logout: true })
    : new SocketClosed('unknown_token', { errcode, error: message, soft_logout: false });
};

/** Who is at the other end of a socket, for as long as the token says so. The token never leaves it. */
export class SocketSession {
  readonly #authenticator: Authenticator & SessionWatch;
  readonly #from: RequestOrigin;
  #token: Secret | undefined;
  #requester: Requester | undefined;

  constructor(authenticator: Authenticator & SessionWatch, from: RequestOrigin) {
    this.#authenticator = authenticator;
    this.#from = from;
  }

  /** The user and device as last seen; undefined before the first `auth`. */
  get requester(): Requester | undefined {
    return this.#requester;
  }

  /** Takes a token: the first, or a newer one of the same session. Throws `SocketClosed`. */
  async begin(token: string): Promise<Requester> {
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new SocketClosed('unknown_token', {
        errcode: 'M_UNKNOWN_TOKEN',
        error: 'Unknown access token',
        soft_logout: false,
      });
    }
    const requester = await this.#resolve(token).catch((error: unknown) => {
      throw closing(error);
    });
    if (this.#requester !== undefined && this.#requester.sessionId !== requester.sessionId) {
      throw new SocketClosed('wrong_session', { error: 'This token belongs to another session' });
    }
    this.#token = new Secret(token);
    this.#requester = requester;
    return requester;
  }

  /** Asks again whether the token is good. Throws `TokenExpired` when another one may follow, else `SocketClosed`. */
  async check(): Promise<Requester> {
    if (this.#token === undefined) throw new SocketClosed('bad_frame', { error: 'auth comes first' });
    try {
      this.#requester = await this.#resolve(this.#token.reveal());
      return this.#requester;
    } catch (error) {
      const told = closing(error);
      if (!(told instanceof SocketClosed)) throw told;
      if (told.reason === 'token_expired') throw new TokenExpired();
      // The client has refreshed its token elsewhere and this one is forgotten: the session goes on.
      const last = this.#requester;
      if (
        told.reason === 'unknown_token' &&
        last !== undefined &&
        (await this.#authenticator.isAlive(last))
      ) {
        throw new TokenExpired();
      }
      throw told;
    }
  }

  async #resolve(token: string): Promise<Requester> {
    const requester = await this.#authenticator.authenticate(token, this.#from);
    if (requester.isLocked) throw new DomainError('user_locked', 'This account has been locked');
    return requester;
  }
}
