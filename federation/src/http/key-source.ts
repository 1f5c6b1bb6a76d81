import { canonicalJson } from '../json/canonical.ts';
import { jsonObjectSchema } from '../json/json-object-schema.ts';
import { parseJson, parseJsonObject } from '../json/parse.ts';
import type { KeyRequest, KeySource } from '../signing/key-ring.ts';
import { notaryAnswerSchema } from '../spec/schemas/server-keys.ts';
import type { FederationClient } from './federation-client.ts';

const notarySchema = notaryAnswerSchema(jsonObjectSchema);

/** A server's keys fit in a few kilobytes; a notary answers for up to a thousand servers. */
const MAX_KEYS_BYTES = 65_536;
const MAX_NOTARY_BYTES = 10_000_000;
const TIMEOUT_MS = 10_000;

/** Asks servers and notaries for keys over the network (Server-Server API, Retrieving server keys). */
export function createKeySource(client: FederationClient): KeySource {
  return {
    fromServer: (server) =>
      client.request({
        destination: server,
        method: 'GET',
        path: '/_matrix/key/v2/server',
        signed: false,
        parse: parseJsonObject,
        maxBytes: MAX_KEYS_BYTES,
        timeoutMs: TIMEOUT_MS,
        // The key ring has a backoff of its own, and a peer that sends to us is up.
        ignoreBackoff: true,
      }),
    fromNotary: (notary, requests) =>
      client.request({
        destination: notary,
        method: 'POST',
        path: '/_matrix/key/v2/query',
        content: canonicalJson({ server_keys: queryOf(requests) }),
        signed: false,
        parse: (text) => notarySchema.parse(parseJson(text)).server_keys,
        maxBytes: MAX_NOTARY_BYTES,
        timeoutMs: TIMEOUT_MS,
      }),
  };
}

type Criteria = Record<string, Record<string, { minimum_valid_until_ts: number }>>;

function queryOf(requests: readonly KeyRequest[]): Criteria {
  const query: Criteria = {};
  for (const { server, keyId, at } of requests) {
    const keys = (query[server] ??= {});
    keys[keyId] = { minimum_valid_until_ts: Math.max(at, keys[keyId]?.minimum_valid_until_ts ?? 0) };
  }
  return query;
}
