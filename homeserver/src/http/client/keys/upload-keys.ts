import { z } from 'zod';
import type { UploadDeps } from '../../../domain/e2ee/upload-keys.ts';
import { uploadKeys } from '../../../domain/e2ee/upload-keys.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';
import { KEYS_BODY_BYTES } from './body-limits.ts';

const keysSchema = z.record(z.string(), z.unknown()).optional();
const bodySchema = z.looseObject({
  device_keys: z.unknown().optional(),
  one_time_keys: keysSchema,
  fallback_keys: keysSchema,
  'org.matrix.msc2732.fallback_keys': keysSchema,
});

/** POST /keys/upload (spec: Client-Server API, Key management API). */
export const uploadKeysRoute = (deps: UploadDeps): Route =>
  defineRoute({
    operation: 'uploadKeys',
    method: 'POST',
    paths: ['/_matrix/client/v3/keys/upload'],
    bodyLimit: KEYS_BODY_BYTES,
    auth: 'access_token',
    limit: 'keys',
    bodySchema,
    handler: async ({ requester, body }) => {
      const stock = await uploadKeys(deps, requester, {
        deviceKeys: body.device_keys,
        oneTimeKeys: body.one_time_keys,
        fallbackKeys: body.fallback_keys ?? body['org.matrix.msc2732.fallback_keys'],
      });
      return { body: { one_time_key_counts: stock.oneTime } };
    },
  });
