import { z } from 'zod';

/**
 * Body of v2 invite (spec: Server-Server API, PUT v2/invite). `invite_room_state` is a hint for the user's eyes:
 * whatever else it holds than objects is left out by the reader, and costs no invite.
 */
export const inviteRequestSchema = <E>(event: z.ZodType<E>) =>
  z.looseObject({ room_version: z.string(), event, invite_room_state: z.unknown().optional() });

/** Answer of v2 invite: the event with the invited server's signature. */
export const inviteAnswerSchema = <E>(event: z.ZodType<E>) => z.looseObject({ event });
