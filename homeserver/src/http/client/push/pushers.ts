import { z } from 'zod';
import type { Pushers } from '../../../domain/push/set-pusher.ts';
import type { Pusher } from '../../../ports/pushers.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { jsonObjectSchema } from '../schemas.ts';

const pusherBody = z.object({
  kind: z.string().nullable(),
  app_id: z.string(),
  pushkey: z.string(),
  app_display_name: z.string().optional(),
  device_display_name: z.string().optional(),
  profile_tag: z.string().optional(),
  lang: z.string().optional(),
  data: jsonObjectSchema.optional(),
  append: z.boolean().default(false),
});

const shown = (pusher: Pusher) => ({
  kind: pusher.kind,
  app_id: pusher.appId,
  pushkey: pusher.pushkey,
  app_display_name: pusher.appDisplayName,
  device_display_name: pusher.deviceDisplayName,
  ...(pusher.profileTag === undefined ? {} : { profile_tag: pusher.profileTag }),
  lang: pusher.lang,
  data: pusher.data,
});

/** Spec: Client-Server API, GET pushers, POST pushers/set. */
export const pusherRoutes = (pushers: Pushers) => [
  defineRoute({
    operation: 'getPushers',
    method: 'GET',
    paths: clientPaths('/pushers'),
    auth: 'access_token',
    limit: 'read',
    handler: async ({ requester }) => ({
      body: { pushers: (await pushers.list(requester.userId)).map(shown) },
    }),
  }),
  defineRoute({
    operation: 'postPusher',
    method: 'POST',
    paths: clientPaths('/pushers/set'),
    auth: 'access_token',
    limit: 'profile',
    bodySchema: pusherBody,
    handler: async ({ requester, body }) => {
      await pushers.set(requester, {
        kind: body.kind,
        appId: body.app_id,
        pushkey: body.pushkey,
        appDisplayName: body.app_display_name,
        deviceDisplayName: body.device_display_name,
        profileTag: body.profile_tag,
        lang: body.lang,
        data: body.data,
        append: body.append,
      });
      return {};
    },
  }),
];
