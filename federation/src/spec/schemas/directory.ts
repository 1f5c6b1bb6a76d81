import { z } from 'zod';
import { roomIdSchema } from '../identifiers/schemas.ts';

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
