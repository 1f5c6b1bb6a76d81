import {
  keyBundlesClaimRequestSchema,
  keysClaimRequestSchema,
  keysQueryRequestSchema,
} from '@nyx/federation/spec/schemas/user-keys.ts';
import { z } from 'zod';
import type { ClaimDeps } from '../../domain/e2ee/claim-keys.ts';
import { claimLocalKeys } from '../../domain/e2ee/claim-keys.ts';
import { claimedToJson } from '../../domain/e2ee/claimed-keys.ts';
import { MAX_USERS_PER_QUERY } from '../../domain/e2ee/limits.ts';
import type { QueryDeps } from '../../domain/e2ee/query-keys.ts';
import { queryLocalKeys } from '../../domain/e2ee/query-keys.ts';
import { DomainError } from '../../domain/errors.ts';
import type { DeviceListOutbox } from '../../ports/device-list-outbox.ts';
import type { Route } from '../route.ts';
import { defineRoute } from '../route.ts';

export type UserKeysDeps = {
  readonly queries: QueryDeps;
  readonly claims: ClaimDeps;
  readonly outbox: Pick<DeviceListOutbox, 'counter'>;
};

/** A claim or query in a room of thousands. */
const BODY_BYTES = 1_048_576;

const federated = { auth: 'federation', limit: 'federation', bodyLimit: BODY_BYTES } as const;

/** What was asked about users of ours; others are not ours to answer for. */
const ofServer = <T>(server: string, byUser: Readonly<Record<string, T>>): (readonly [string, T])[] =>
  Object.entries(byUser).filter(([user]) => user.slice(user.indexOf(':') + 1) === server);

const queryRoute = ({ queries }: UserKeysDeps): Route =>
  defineRoute({
    ...federated,
    operation: 'queryUserEncryptionKeys',
    method: 'POST',
    paths: ['/_matrix/federation/v1/user/keys/query'],
    bodySchema: keysQueryRequestSchema,
    handler: async ({ body }) => {
      const wanted = new Map(ofServer(queries.serverName, body.device_keys));
      if (wanted.size > MAX_USERS_PER_QUERY)
        throw new DomainError('invalid_param', `At most ${MAX_USERS_PER_QUERY} users at once`);
      const { devices, crossSigning } = await queryLocalKeys(queries, undefined, wanted);
      const keysOf = (usage: 'master' | 'self_signing') =>
        Object.fromEntries(
          [...crossSigning].flatMap(([user, keys]) => {
            const key = keys[usage];
            return key === undefined ? [] : [[user, key]];
          }),
        );
      return {
        body: {
          device_keys: Object.fromEntries(
            [...devices].map(([user, byDevice]) => [user, Object.fromEntries(byDevice)]),
          ),
          master_keys: keysOf('master'),
          self_signing_keys: keysOf('self_signing'),
        },
      };
    },
  });

const claimRoutes = ({ claims }: UserKeysDeps): readonly Route[] => [
  defineRoute({
    ...federated,
    operation: 'claimUserEncryptionKeys',
    method: 'POST',
    paths: ['/_matrix/federation/v1/user/keys/claim'],
    bodySchema: keysClaimRequestSchema,
    handler: async ({ body, requester }) => {
      const wish = ofServer(claims.serverName, body.one_time_keys).map(
        ([user, byDevice]) =>
          [
            user,
            new Map(Object.entries(byDevice).map(([device, algorithm]) => [device, [algorithm]])),
          ] as const,
      );
      const keys = await claimLocalKeys(claims, { server: requester.origin }, new Map(wish), {
        bundle: false,
      });
      return { body: { one_time_keys: claimedToJson(keys) } };
    },
  }),
  defineRoute({
    ...federated,
    operation: 'claimUserKeyBundles',
    method: 'POST',
    paths: ['/_matrix/federation/unstable/org.matrix.msc3983/user/keys/claim'],
    bodySchema: keyBundlesClaimRequestSchema,
    handler: async ({ body, requester }) => {
      const wish = ofServer(claims.serverName, body.one_time_keys).map(
        ([user, byDevice]) => [user, new Map(Object.entries(byDevice))] as const,
      );
      const keys = await claimLocalKeys(claims, { server: requester.origin }, new Map(wish), {
        bundle: true,
        txnId: body.txn_id,
      });
      return { body: { one_time_keys: claimedToJson(keys) } };
    },
  }),
];

const devicesRoute = ({ queries, outbox }: UserKeysDeps): Route =>
  defineRoute({
    ...federated,
    operation: 'getUserDevices',
    method: 'GET',
    paths: ['/_matrix/federation/v1/user/devices/{userId}'],
    params: z.object({ userId: z.string() }),
    handler: async ({ params: { userId } }) => {
      if (userId.slice(userId.indexOf(':') + 1) !== queries.serverName)
        throw new DomainError('not_found', 'Not a user of this server');
      // The number is read first: should a device change meanwhile, its update is taken for new and does no harm.
      const streamId = await outbox.counter(userId);
      const wanted = new Map([[userId, []]]);
      const { devices, crossSigning } = await queryLocalKeys(queries, undefined, wanted);
      const { master, self_signing } = crossSigning.get(userId) ?? {};
      return {
        body: {
          user_id: userId,
          stream_id: streamId,
          devices: [...(devices.get(userId) ?? [])].map(([deviceId, { unsigned, ...keys }]) => ({
            device_id: deviceId,
            keys,
            ...(unsigned as object | undefined),
          })),
          ...(master === undefined ? {} : { master_key: master }),
          ...(self_signing === undefined ? {} : { self_signing_key: self_signing }),
        },
      };
    },
  });

/** Keys of our users for other servers (spec: Server-Server API, End-to-End Encryption and Device Management). */
export const userKeysRoutes = (deps: UserKeysDeps): readonly Route[] => [
  queryRoute(deps),
  ...claimRoutes(deps),
  devicesRoute(deps),
];
