import * as z from 'zod/mini';
import type { IceServers } from '@nyx/plugin-sdk/client/data.ts';
import { call } from '../matrix/api/http.ts';
import type { Api } from '../matrix/api/http.ts';

/** Client-server API, `GET /voip/turnServer`; a server without one answers `{}`. */
const turnAnswer = z.object({
  username: z.optional(z.string()),
  password: z.optional(z.string()),
  uris: z.optional(z.array(z.string().check(z.maxLength(500))).check(z.maxLength(20))),
  ttl: z.optional(z.number()),
});

/** The homeserver's servers for calls; none when it has none or cannot be asked. */
export const iceServers = async (api: Api): Promise<IceServers> => {
  const answer = await call(api, turnAnswer, 'GET', '/_matrix/client/v3/voip/turnServer');
  if (!answer.ok) return { servers: [] };
  const { username, password, uris = [], ttl } = answer.value;
  if (uris.length === 0) return { servers: [] };
  return {
    servers: [
      {
        urls: uris,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { credential: password }),
      },
    ],
    ...(ttl === undefined ? {} : { lifetime: ttl * 1_000 }),
  };
};
