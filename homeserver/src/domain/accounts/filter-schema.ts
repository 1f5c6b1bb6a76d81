import { roomIdSchema, userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';

/** Most entries of one list in a filter; every event is compared with them. */
const MAX_ENTRIES = 1_000;

const types = z.array(z.string()).max(MAX_ENTRIES).nullish();
const users = z.array(userIdSchema).max(MAX_ENTRIES).nullish();
const rooms = z.array(roomIdSchema).max(MAX_ENTRIES).nullish();

const eventFilter = {
  limit: z.int().nonnegative().optional(),
  types,
  not_types: types,
  senders: users,
  not_senders: users,
};

const roomEventFilter = z.looseObject({
  ...eventFilter,
  rooms,
  not_rooms: rooms,
  lazy_load_members: z.boolean().optional(),
  include_redundant_members: z.boolean().optional(),
  unread_thread_notifications: z.boolean().optional(),
  contains_url: z.boolean().optional(),
});

/**
 * A sync filter (spec: Client-Server API, Filtering). Keys that are not known are kept, so that a client gets back what
 * it stored.
 */
export const filterSchema = z.looseObject({
  event_fields: z.array(z.string()).max(MAX_ENTRIES).optional(),
  event_format: z.enum(['client', 'federation']).optional(),
  presence: z.looseObject(eventFilter).optional(),
  account_data: z.looseObject(eventFilter).optional(),
  room: z
    .looseObject({
      rooms,
      not_rooms: rooms,
      include_leave: z.boolean().optional(),
      state: roomEventFilter.optional(),
      timeline: roomEventFilter.optional(),
      ephemeral: roomEventFilter.optional(),
      account_data: roomEventFilter.optional(),
    })
    .optional(),
});

export type SyncFilter = z.output<typeof filterSchema>;
