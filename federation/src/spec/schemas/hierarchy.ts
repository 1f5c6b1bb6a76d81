import { z } from 'zod';
import { roomIdSchema } from '../identifiers/schemas.ts';

/** What a room is said to be (spec: Server-Server API, GET hierarchy; Client-Server API, room summary). */
export const roomSummarySchema = z.looseObject({
  room_id: roomIdSchema,
  name: z.string().optional(),
  topic: z.string().optional(),
  canonical_alias: z.string().optional(),
  avatar_url: z.string().optional(),
  num_joined_members: z.number().int().nonnegative().default(0),
  world_readable: z.boolean().default(false),
  guest_can_join: z.boolean().default(false),
  /** Servers from before v1.2 leave it out: the room is public then. */
  join_rule: z.string().default('public'),
  room_type: z.string().nullish(),
  encryption: z.string().nullish(),
  room_version: z.string().optional(),
  allowed_room_ids: z.array(z.string()).max(1_000).nullish(),
});

/** Answer of hierarchy. A child that cannot be read is left out by the reader; the space itself must be readable. */
export const hierarchyAnswerSchema = <E>(event: z.ZodType<E>) =>
  z.looseObject({
    room: roomSummarySchema.extend({ children_state: z.array(event).max(10_000).default([]) }),
    children: z.array(z.unknown()).max(10_000).default([]),
    inaccessible_children: z.array(z.string()).max(10_000).default([]),
  });
