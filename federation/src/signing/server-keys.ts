import type { JsonObject } from '../json/value.ts';
import { isKeyId, keyAlgorithm, type KeyId } from '../spec/identifiers/key-id.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import { serverKeysSchema } from '../spec/schemas/server-keys.ts';
import type { Signer } from './keys.ts';
import { VerifyKey } from './keys.ts';
import { signJson } from './sign-json.ts';
import { verifyJson } from './verify-json.ts';

/** Most keys, current and old together, taken from one answer. The spec is silent; servers have one or two. */
export const MAX_KEYS_PER_SERVER = 200;

/** A week: no key is trusted for longer than that after it was fetched (Server-Server API, Publishing Keys). */
export const MAX_KEY_TRUST_MS = 7 * 24 * 60 * 60 * 1000;

/** One public key of a server, with what is known of its validity. */
export type ServerKey = {
  readonly server: ServerName;
  readonly keyId: KeyId;
  /** Unpadded Base64. */
  readonly publicKey: string;
  /** Milliseconds since the epoch after which nothing new may be signed with it. */
  readonly validUntil: number;
  /** Whether its server has retired it, so that asking again would not prolong it. */
  readonly retired: boolean;
};

/** Keys that a server published, checked. */
export type PublishedKeys = {
  readonly server: ServerName;
  readonly keys: readonly ServerKey[];
  /** The answer as it came: what a notary passes on. */
  readonly json: JsonObject;
};

/**
 * Reads an answer to `GET /_matrix/key/v2/server`, or one entry of a notary's. The server's own signature must be
 * there, made with a key that the answer itself lists as current.
 *
 * @param now milliseconds since the epoch
 * @returns undefined when anything is wrong with it
 */
export function readServerKeys(json: JsonObject, server: ServerName, now: number): PublishedKeys | undefined {
  const parsed = serverKeysSchema.safeParse(json);
  if (!parsed.success || parsed.data.server_name !== server) return undefined;
  const { verify_keys: current, old_verify_keys: old, valid_until_ts: until } = parsed.data;
  if (Object.keys(current).length + Object.keys(old).length > MAX_KEYS_PER_SERVER) return undefined;
  const signed = verifyJson(json, server, (keyId) => {
    const text = Object.hasOwn(current, keyId) ? current[keyId]?.key : undefined;
    return text === undefined ? undefined : VerifyKey.fromBase64(text);
  });
  if (!signed.ok) return undefined;
  const trusted = now + MAX_KEY_TRUST_MS;
  const keys: ServerKey[] = [];
  const add = (keyId: string, publicKey: string, rest: { validUntil: number; retired: boolean }) => {
    if (!isKeyId(keyId) || keyAlgorithm(keyId) !== 'ed25519') return;
    if (VerifyKey.fromBase64(publicKey) !== undefined) keys.push({ server, keyId, publicKey, ...rest });
  };
  for (const [keyId, { key }] of Object.entries(current))
    add(keyId, key, { validUntil: Math.min(until, trusted), retired: false });
  for (const [keyId, { key, expired_ts: expired }] of Object.entries(old))
    // One that is to end in the future has not ended: its server may still end it sooner, or prolong it.
    if (!Object.hasOwn(current, keyId))
      add(keyId, key, { validUntil: Math.min(expired, trusted), retired: expired <= now });
  return { server, keys, json };
}

/** A retired key of ours. */
export type RetiredKey = {
  readonly keyId: KeyId;
  readonly publicKey: string;
  /** Milliseconds since the epoch when it was last used. */
  readonly expiredAt: number;
};

/**
 * Our own answer to `GET /_matrix/key/v2/server`.
 *
 * @param validUntil milliseconds since the epoch; peers ask again halfway there
 */
export function publishServerKeys(
  signer: Signer,
  validUntil: number,
  retired: readonly RetiredKey[] = [],
): JsonObject {
  const old = retired.map(({ keyId, publicKey, expiredAt }) => [
    keyId,
    { key: publicKey, expired_ts: expiredAt },
  ]);
  return signJson(
    {
      server_name: signer.server,
      valid_until_ts: validUntil,
      verify_keys: { [signer.key.keyId]: { key: signer.key.publicKey } },
      old_verify_keys: Object.fromEntries(old) as JsonObject,
    },
    signer,
  );
}
