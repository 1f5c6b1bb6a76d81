import type { z } from 'zod';
import { jsonObjectSchema } from '../json/json-object-schema.ts';
import type { JsonObject } from '../json/value.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import {
  keysClaimAnswerSchema,
  keysQueryAnswerSchema,
  userDevicesAnswerSchema,
} from '../spec/schemas/user-keys.ts';
import type { FederationClient } from './federation-client.ts';
import { content, parser } from './wire-body.ts';

const devicesSchema = userDevicesAnswerSchema(jsonObjectSchema);
const querySchema = keysQueryAnswerSchema(jsonObjectSchema);
const claimSchema = keysClaimAnswerSchema(jsonObjectSchema);

/** All devices of a user, with their keys. */
export type UserDevices = z.output<typeof devicesSchema>;
/** Device keys by user and device, cross-signing keys by user. */
export type QueriedKeys = z.output<typeof querySchema>;
/** One-time keys by user, device and key id. */
export type ClaimedKeyAnswer = z.output<typeof claimSchema>;

const KEYS = '/_matrix/federation/v1/user/keys';
/** MSC3983: a claim with a list of algorithms per device. */
const CLAIM_BUNDLES = '/_matrix/federation/unstable/org.matrix.msc3983/user/keys/claim';

/** The operations of the Server-Server API on users' devices and keys, as calls. Errors are `FederationError`s. */
export class PeerKeysApi {
  readonly #client: FederationClient;

  constructor(client: FederationClient) {
    this.#client = client;
  }

  /** `GET user/devices`. */
  userDevices(destination: ServerName, userId: string, timeoutMs: number): Promise<UserDevices> {
    return this.#client.request({
      destination,
      method: 'GET',
      path: `/_matrix/federation/v1/user/devices/${encodeURIComponent(userId)}`,
      parse: parser(devicesSchema),
      timeoutMs,
    });
  }

  /** `POST user/keys/query`. */
  query(destination: ServerName, body: JsonObject, timeoutMs: number): Promise<QueriedKeys> {
    return this.#post(destination, `${KEYS}/query`, body, timeoutMs, querySchema);
  }

  /** `POST user/keys/claim` with one algorithm per device. */
  claim(destination: ServerName, body: JsonObject, timeoutMs: number): Promise<ClaimedKeyAnswer> {
    return this.#post(destination, `${KEYS}/claim`, body, timeoutMs, claimSchema);
  }

  /** `POST user/keys/claim` with a list of algorithms per device. */
  claimBundles(destination: ServerName, body: JsonObject, timeoutMs: number): Promise<ClaimedKeyAnswer> {
    return this.#post(destination, CLAIM_BUNDLES, body, timeoutMs, claimSchema);
  }

  #post<T>(
    destination: ServerName,
    path: string,
    body: JsonObject,
    timeoutMs: number,
    schema: z.ZodType<T>,
  ): Promise<T> {
    return this.#client.request({
      destination,
      method: 'POST',
      path,
      ...content(body),
      parse: parser(schema),
      timeoutMs,
    });
  }
}
