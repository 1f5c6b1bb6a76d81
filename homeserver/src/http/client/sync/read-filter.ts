import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import { NO_FILTER } from '../../../domain/rooms/event-filter.ts';
import { NO_SYNC_FILTER, type SyncFilter } from '../../../domain/sync/sync-filter.ts';
import type { FilterStore } from '../../../ports/accounts.ts';
import { roomEventFilterSchema } from '../event-filters.ts';

const names = z.array(z.string()).max(1_000);

const schema = z
  .object({
    event_fields: names.optional(),
    presence: roomEventFilterSchema.optional(),
    account_data: roomEventFilterSchema.optional(),
    room: z
      .object({
        rooms: names.optional(),
        not_rooms: names.optional(),
        include_leave: z.boolean().optional(),
        timeline: roomEventFilterSchema.optional(),
        state: roomEventFilterSchema.optional(),
        ephemeral: roomEventFilterSchema.optional(),
        account_data: roomEventFilterSchema.optional(),
      })
      .default({}),
  })
  .transform(({ event_fields: eventFields, presence, account_data: accountData, room }): SyncFilter => ({
    rooms: room.rooms,
    notRooms: room.not_rooms ?? [],
    includeLeave: room.include_leave ?? false,
    timeline: room.timeline ?? NO_FILTER,
    state: room.state ?? NO_FILTER,
    ephemeral: room.ephemeral ?? NO_FILTER,
    roomAccountData: room.account_data ?? NO_FILTER,
    accountData: accountData ?? NO_FILTER,
    presence: presence ?? NO_FILTER,
    eventFields,
  }));

/** Whether a filter that a client wants to store is one; throws `bad_json`. */
export const checkSyncFilter = (filter: unknown): void => {
  const result = schema.safeParse(filter);
  if (!result.success) throw new DomainError('bad_json', `Invalid filter: ${result.error.message}`);
};

/** The filter of a sync: given as JSON, or by the id under which it was stored. */
export async function readSyncFilter(
  text: string | undefined,
  user: string,
  filters: FilterStore,
): Promise<SyncFilter> {
  if (text === undefined || text === '') return NO_SYNC_FILTER;
  const filter = text.startsWith('{') ? parse(text) : await filters.find(user, text);
  if (filter === undefined) throw new DomainError('invalid_param', 'Unknown filter');
  const result = schema.safeParse(filter);
  if (result.success) return result.data;
  throw new DomainError('invalid_param', 'Invalid filter');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DomainError('invalid_param', 'The filter is not JSON');
  }
}
