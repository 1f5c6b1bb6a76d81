import { z } from 'zod';
import type { EventFilter } from '../../domain/rooms/event-filter.ts';

const MAX_LIMIT = 1_000;
const names = z.array(z.string()).max(1_000);

/** A room event filter as clients write it (spec: Client-Server API, RoomEventFilter). */
export const roomEventFilterSchema = z
  .object({
    limit: z.number().int().min(0).optional(),
    types: names.optional(),
    not_types: names.optional(),
    senders: names.optional(),
    not_senders: names.optional(),
    rooms: names.optional(),
    not_rooms: names.optional(),
    contains_url: z.boolean().optional(),
    lazy_load_members: z.boolean().optional(),
    include_redundant_members: z.boolean().optional(),
    unread_thread_notifications: z.boolean().optional(),
    related_by_rel_types: names.optional(),
    related_by_senders: names.optional(),
  })
  .transform((filter): EventFilter => ({
    limit: filter.limit === undefined ? undefined : Math.min(filter.limit, MAX_LIMIT),
    types: filter.types,
    notTypes: filter.not_types ?? [],
    senders: filter.senders,
    notSenders: filter.not_senders ?? [],
    rooms: filter.rooms,
    notRooms: filter.not_rooms ?? [],
    containsUrl: filter.contains_url,
    lazyLoadMembers: filter.lazy_load_members ?? false,
    includeRedundantMembers: filter.include_redundant_members ?? false,
    unreadThreadNotifications: filter.unread_thread_notifications ?? false,
    relatedByRelTypes: filter.related_by_rel_types,
    relatedBySenders: filter.related_by_senders,
  }));

const parseJson = (text: string, context: z.RefinementCtx): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
};

/** A filter in a query parameter, as JSON. */
export const filterQuery = z.string().default('{}').transform(parseJson).pipe(roomEventFilterSchema);
