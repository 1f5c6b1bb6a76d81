import { z } from 'zod';
import { claimedToJson } from '../../../domain/e2ee/claimed-keys.ts';
import type { ClaimDeps } from '../../../domain/e2ee/claim-keys.ts';
import { claimKeys } from '../../../domain/e2ee/claim-keys.ts';
import type { ClaimWish } from '../../../ports/remote-keys.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';
import { KEYS_BODY_BYTES } from './body-limits.ts';
import { remoteTimeout } from './remote-timeout.ts';

const wishSchema = <T extends z.ZodType<string | string[]>>(algorithms: T) =>
  z.looseObject({
    one_time_keys: z.record(z.string(), z.record(z.string(), algorithms)),
    timeout: z.number().optional(),
    txn_id: z.string().min(1).max(255).optional(),
  });

/** Most algorithms that a bundle asks for at once: a one-time key and a signed prekey make a bundle. */
const MAX_ALGORITHMS = 4;

const claimSchema = wishSchema(z.string());
const bundleSchema = wishSchema(z.array(z.string()).max(MAX_ALGORITHMS));

const toWish = (byUser: Readonly<Record<string, Readonly<Record<string, string | string[]>>>>): ClaimWish =>
  new Map(
    Object.entries(byUser).map(([user, byDevice]) => [
      user,
      new Map(Object.entries(byDevice).map(([device, algorithms]) => [device, [algorithms].flat()])),
    ]),
  );

const answer = async (
  deps: ClaimDeps,
  { userId, deviceId }: { readonly userId: string; readonly deviceId: string },
  body: z.output<typeof claimSchema> | z.output<typeof bundleSchema>,
  bundle: boolean,
) => {
  const { keys, failures } = await claimKeys(deps, { user: userId, deviceId }, toWish(body.one_time_keys), {
    bundle,
    txnId: body.txn_id,
    timeoutMs: remoteTimeout(body.timeout),
  });
  return {
    body: {
      one_time_keys: claimedToJson(keys),
      failures: Object.fromEntries(failures.map((server) => [server, {}])),
    },
  };
};

/** POST /keys/claim, and its form that takes a list of algorithms per device (MSC3983): a whole bundle in one call. */
export const claimKeysRoutes = (deps: ClaimDeps): readonly Route[] => [
  defineRoute({
    operation: 'claimKeys',
    method: 'POST',
    paths: ['/_matrix/client/v3/keys/claim'],
    bodyLimit: KEYS_BODY_BYTES,
    auth: 'access_token',
    limit: 'claim',
    bodySchema: claimSchema,
    handler: ({ requester, body }) => answer(deps, requester, body, false),
  }),
  defineRoute({
    operation: 'claimKeyBundles',
    method: 'POST',
    paths: ['/_matrix/client/unstable/org.matrix.msc3983/keys/claim'],
    bodyLimit: KEYS_BODY_BYTES,
    auth: 'access_token',
    limit: 'claim',
    bodySchema: bundleSchema,
    handler: ({ requester, body }) => answer(deps, requester, body, true),
  }),
];
