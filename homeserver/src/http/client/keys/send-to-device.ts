import { z } from 'zod';
import type { SendToDeviceDeps } from '../../../domain/e2ee/send-to-device.ts';
import { sendToDevice } from '../../../domain/e2ee/send-to-device.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';
import { TO_DEVICE_BODY_BYTES } from './body-limits.ts';
import { jsonObjectSchema } from '../room-keys/schemas.ts';

const paramsSchema = z.object({ eventType: z.string().max(255), txnId: z.string().max(255) });
const bodySchema = z.looseObject({ messages: z.record(z.string(), z.record(z.string(), jsonObjectSchema)) });

/** PUT /sendToDevice (spec: Client-Server API, Send-to-device messaging). */
export const sendToDeviceRoute = (deps: SendToDeviceDeps): Route =>
  defineRoute({
    operation: 'sendToDevice',
    method: 'PUT',
    paths: ['/_matrix/client/v3/sendToDevice/{eventType}/{txnId}'],
    bodyLimit: TO_DEVICE_BODY_BYTES,
    auth: 'access_token',
    limit: 'toDevice',
    params: paramsSchema,
    bodySchema,
    handler: async ({ requester, params, body }) => {
      const contents = Object.entries(body.messages).map(
        ([user, byDevice]) => [user, new Map(Object.entries(byDevice))] as const,
      );
      await sendToDevice(deps, {
        sender: requester.userId,
        deviceId: requester.deviceId,
        type: params.eventType,
        txnId: params.txnId,
        contents: new Map(contents),
      });
      return {};
    },
  });
