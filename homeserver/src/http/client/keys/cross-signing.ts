import { z } from 'zod';
import type { CrossSigningDeps } from '../../../domain/e2ee/cross-signing.ts';
import { prepareCrossSigning, storeCrossSigning } from '../../../domain/e2ee/cross-signing.ts';
import type { MasterKeys } from '../../../domain/e2ee/upload-signatures.ts';
import { uploadSignatures } from '../../../domain/e2ee/upload-signatures.ts';
import type { Requester } from '../../../ports/authenticator.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';
import { KEYS_BODY_BYTES } from './body-limits.ts';

/** Has the user prove who they are by interactive authentication, or throws the challenge. */
export type DemandAuth = (requester: Requester, purpose: string, auth: unknown) => Promise<void>;

const keysSchema = z.looseObject({
  master_key: z.unknown().optional(),
  self_signing_key: z.unknown().optional(),
  user_signing_key: z.unknown().optional(),
  auth: z.unknown().optional(),
});

const signaturesSchema = z.record(z.string(), z.record(z.string(), z.unknown()));

/** Cross-signing keys and signatures (spec: Client-Server API, Cross-signing). */
export const crossSigningRoutes = (
  deps: CrossSigningDeps & { readonly masterKeys: MasterKeys },
  demandAuth: DemandAuth,
): readonly Route[] => [
  defineRoute({
    operation: 'uploadCrossSigningKeys',
    method: 'POST',
    paths: [
      '/_matrix/client/v3/keys/device_signing/upload',
      '/_matrix/client/unstable/keys/device_signing/upload',
    ],
    auth: 'access_token',
    limit: 'keys',
    bodySchema: keysSchema,
    handler: async ({ requester, body }) => {
      const upload = await prepareCrossSigning(deps, requester.userId, body);
      // The first keys need no second proof (since v1.11); what replaces an identity does.
      if (upload.replaces) await demandAuth(requester, 'cross-signing', body.auth);
      await storeCrossSigning(deps, requester.userId, upload);
      return {};
    },
  }),
  defineRoute({
    operation: 'uploadCrossSigningSignatures',
    method: 'POST',
    paths: ['/_matrix/client/v3/keys/signatures/upload', '/_matrix/client/unstable/keys/signatures/upload'],
    bodyLimit: KEYS_BODY_BYTES,
    auth: 'access_token',
    limit: 'keys',
    bodySchema: signaturesSchema,
    handler: async ({ requester, body }) => {
      const objects = Object.entries(body).map(
        ([user, byKey]) => [user, new Map(Object.entries(byKey))] as const,
      );
      const failures = await uploadSignatures(deps, requester.userId, new Map(objects));
      return {
        body: {
          failures: Object.fromEntries(
            [...failures].map(([user, byKey]) => [user, Object.fromEntries(byKey)]),
          ),
        },
      };
    },
  }),
];
