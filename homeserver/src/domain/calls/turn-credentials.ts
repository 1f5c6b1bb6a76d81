import { createHmac } from 'node:crypto';
import type { Config } from '@nyx/config/schema.ts';

/** What a client needs to use the relays (spec: Client-Server API, GET /voip/turnServer). */
export type TurnCredentials = {
  readonly username: string;
  readonly password: string;
  readonly uris: readonly string[];
  /** Seconds. */
  readonly ttl: number;
};

/**
 * Credentials for a user. With a shared secret they are made for this user and expire by themselves (coturn's REST API:
 * the name begins with the time of expiry and the password is its HMAC-SHA1); otherwise they are the configured ones.
 * Undefined when there is no relay, or no way to log in to it.
 */
export const turnCredentials = (
  { uris, sharedSecret, username, password, lifetime }: Config['turn'],
  userId: string,
  now: number,
): TurnCredentials | undefined => {
  if (uris.length === 0) return undefined;
  const ttl = Math.floor(lifetime / 1_000);
  if (sharedSecret !== undefined) {
    const name = `${Math.floor(now / 1_000) + ttl}:${userId}`;
    const mac = createHmac('sha1', sharedSecret.reveal()).update(name).digest('base64');
    return { username: name, password: mac, uris, ttl };
  }
  if (username === undefined || password === undefined) return undefined;
  return { username, password: password.reveal(), uris, ttl };
};
