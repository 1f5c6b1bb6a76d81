import { z } from 'zod';
import type { DehydratedDevices } from '../../../domain/e2ee/dehydration/dehydrated-devices.ts';
import { DomainError } from '../../../domain/errors.ts';
import type { InboxPage } from '../../../ports/device-inbox.ts';
import { jsonObjectSchema } from '../room-keys/schemas.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';
import { KEYS_BODY_BYTES } from './body-limits.ts';

const BASE = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device';

const keysSchema = z.record(z.string(), z.unknown()).optional();
const deviceSchema = z.looseObject({
  device_id: z.string(),
  device_data: jsonObjectSchema,
  initial_device_display_name: z.string().max(1_000).optional(),
  device_keys: z.unknown().optional(),
  one_time_keys: keysSchema,
  fallback_keys: keysSchema,
});
const paramsSchema = z.object({ deviceId: z.string() });
const querySchema = z.looseObject({
  from: z.string().optional(),
  limit: z.coerce.number().int().positive().optional(),
});
const batchSchema = z.looseObject({ next_batch: z.string().optional() });

const DEFAULT_LIMIT = 100;

/** Tokens of the device's messages: `d` and the position up to which they were read. */
const positionOf = (token: string | undefined): number => {
  if (token === undefined) return 0;
  const position = /^d\d{1,15}$/.test(token) ? Number(token.slice(1)) : Number.NaN;
  if (Number.isNaN(position)) throw new DomainError('invalid_param', 'Unknown token');
  return position;
};

const common = { auth: 'access_token', limit: 'keys' } as const;

const eventsOf = ({ messages }: InboxPage) =>
  messages.map(({ sender, type, content }) => ({ sender, type, content }));

/** The device that collects messages while nobody is logged in, as MSC3814 has it now, and had it when Synapse took it up. */
export const dehydratedDeviceRoutes = (devices: DehydratedDevices): readonly Route[] => [
  defineRoute({
    ...common,
    operation: 'putDehydratedDevice',
    method: 'PUT',
    paths: [BASE],
    bodyLimit: KEYS_BODY_BYTES,
    bodySchema: deviceSchema,
    handler: async ({ requester, body }) => {
      await devices.put(requester.userId, {
        deviceId: body.device_id,
        deviceData: body.device_data,
        displayName: body.initial_device_display_name,
        keys: {
          deviceKeys: body.device_keys,
          oneTimeKeys: body.one_time_keys,
          fallbackKeys: body.fallback_keys,
        },
      });
      return { body: { device_id: body.device_id } };
    },
  }),
  defineRoute({
    ...common,
    operation: 'getDehydratedDevice',
    method: 'GET',
    paths: [BASE],
    handler: async ({ requester }) => {
      const { deviceId, deviceData } = await devices.get(requester.userId);
      return { body: { device_id: deviceId, device_data: deviceData } };
    },
  }),
  defineRoute({
    ...common,
    operation: 'deleteDehydratedDevice',
    method: 'DELETE',
    paths: [BASE],
    handler: async ({ requester }) => ({ body: { device_id: await devices.remove(requester.userId) } }),
  }),
  defineRoute({
    ...common,
    operation: 'getDehydratedDeviceEvents',
    method: 'GET',
    paths: [`${BASE}/{deviceId}/events`],
    params: paramsSchema,
    query: querySchema,
    handler: async ({ requester, params, query }) => {
      const limit = query.limit ?? DEFAULT_LIMIT;
      const page = await devices.events(requester.userId, params.deviceId, positionOf(query.from), limit);
      // A page that is not full is the last one: clients read on while there is a token.
      const more = page.messages.length >= Math.min(limit, DEFAULT_LIMIT);
      return { body: { events: eventsOf(page), ...(more ? { next_batch: `d${page.through}` } : {}) } };
    },
  }),
  defineRoute({
    ...common,
    operation: 'postDehydratedDeviceEvents',
    method: 'POST',
    paths: [`${BASE}/{deviceId}/events`],
    params: paramsSchema,
    bodySchema: batchSchema,
    handler: async ({ requester, params, body }) => {
      // The older form: clients read on until a page is empty.
      const from = positionOf(body.next_batch);
      const page = await devices.events(requester.userId, params.deviceId, from, DEFAULT_LIMIT);
      return { body: { events: eventsOf(page), next_batch: `d${page.through}` } };
    },
  }),
];
