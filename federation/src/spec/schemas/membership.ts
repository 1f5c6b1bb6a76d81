import { z } from 'zod';

// Events are given as a schema by the caller: a server keeps every digit of theirs, this folder knows no such type.

/** Answer of make_join, make_leave and make_knock (spec: Server-Server API, GET make_join). */
export const membershipTemplateSchema = <E>(event: z.ZodType<E>) =>
  z.looseObject({
    /** Servers older than room versions leave it out. */
    room_version: z.string().default('1'),
    event,
  });

/** Answer of v2 send_join (spec: Server-Server API, PUT v2/send_join). */
export const joinAnswerSchema = <E>(event: z.ZodType<E>) =>
  z.looseObject({
    state: z.array(event),
    auth_chain: z.array(event),
    event: event.optional(),
    members_omitted: z.boolean().default(false),
    servers_in_room: z.array(z.string()).default([]),
  });

/** Answer of send_knock (spec: Server-Server API, PUT send_knock). */
export const knockAnswerSchema = <E>(event: z.ZodType<E>) =>
  z.looseObject({ knock_room_state: z.array(event) });
