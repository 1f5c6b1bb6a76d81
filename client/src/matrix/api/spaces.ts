import * as z from 'zod/mini';
import { call, path } from './http.ts';
import type { Api } from './http.ts';
import type { Result } from './result.ts';

const spaceRoom = z.object({
  room_id: z.string(),
  name: z.catch(z.optional(z.string()), undefined),
  topic: z.catch(z.optional(z.string()), undefined),
  canonical_alias: z.catch(z.optional(z.string()), undefined),
  avatar_url: z.catch(z.optional(z.string()), undefined),
  num_joined_members: z.catch(z.number(), 0),
  room_type: z.catch(z.optional(z.nullable(z.string())), undefined),
  children_state: z.catch(
    z.array(z.looseObject({ state_key: z.string(), content: z.record(z.string(), z.unknown()) })),
    [],
  ),
});

export type SpaceRoom = z.output<typeof spaceRoom>;

const hierarchyAnswer = z.object({ rooms: z.array(spaceRoom), next_batch: z.optional(z.string()) });

/** GET /hierarchy: a space and the rooms right below it, page by page. */
export const hierarchy = (
  api: Api,
  roomId: string,
  from: string | undefined,
): Promise<Result<z.output<typeof hierarchyAnswer>>> =>
  call(api, hierarchyAnswer, 'GET', path`/_matrix/client/v1/rooms/${roomId}/hierarchy`, {
    query: { limit: 50, max_depth: 1, from },
    timeoutMs: 60_000,
  });
