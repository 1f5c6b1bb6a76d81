import { z } from 'zod';
import { roomIdSchema } from '../identifiers/schemas.ts';
import { listOf } from './lenient.ts';

/** Most rooms taken of one page of another server's list. The spec is silent; servers end a page at some hundreds. */
const MAX_ROOMS_PER_PAGE = 10_000;

/** Parameters of query/directory. What is no alias of ours is not found, not malformed. */
export const directoryQuerySchema = z.object({ room_alias: z.string() });

/** Answer of query/directory (spec: Server-Server API, Querying for information). Servers that are none are left out by the reader. */
export const directoryAnswerSchema = z.looseObject({
  room_id: roomIdSchema,
  servers: z.array(z.string()).default([]),
});

/** Parameters of query/profile. */
export const profileQuerySchema = z.object({ user_id: z.string(), field: z.string().max(255).optional() });

/** Body of POST publicRooms (spec: Server-Server API, Public Room Directory). */
export const publicRoomsRequestSchema = z.object({
  limit: z.number().int().min(1).optional(),
  since: z.string().optional(),
  filter: z
    .object({
      generic_search_term: z.string().max(255).nullish(),
      room_types: z.array(z.string().nullable()).max(100).nullish(),
    })
    .optional(),
});

const count = z.number().int().nonnegative();
const text = z.string().nullish();

/**
 * Answer of publicRooms (spec: Server-Server API, GET publicRooms). A room without what every entry has to hold is left
 * out; what an entry holds besides is kept.
 */
export const publicRoomsAnswerSchema = z.looseObject({
  chunk: listOf(
    z.looseObject({
      room_id: roomIdSchema,
      num_joined_members: count,
      world_readable: z.boolean(),
      guest_can_join: z.boolean(),
    }),
    MAX_ROOMS_PER_PAGE,
  ),
  next_batch: text,
  prev_batch: text,
  total_room_count_estimate: count.nullish(),
});

/**
 * Answer of query/profile (spec: Server-Server API, GET query/profile). Null stands for a field that is not set; such
 * fields are left out.
 */
export const profileAnswerSchema = z
  .looseObject({ displayname: text, avatar_url: text })
  .transform((profile): Readonly<Record<string, unknown>> =>
    Object.fromEntries(Object.entries(profile).filter(([, value]) => value !== null && value !== undefined)),
  );
