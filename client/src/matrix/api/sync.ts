import * as z from 'zod/mini';
import { call } from './http.ts';
import type { Api } from './http.ts';
import type { Result } from './result.ts';

const events = z.catch(z.object({ events: z.catch(z.array(z.unknown()), []) }), { events: [] });

/** A joined room's part of /sync. Parsed room by room, so that one bad room fails alone. */
export const joinedRoomSchema = z.object({
  summary: z.catch(
    z.object({
      'm.heroes': z.optional(z.array(z.string())),
      'm.joined_member_count': z.optional(z.number()),
      'm.invited_member_count': z.optional(z.number()),
    }),
    {},
  ),
  state: z._default(events, { events: [] }),
  timeline: z._default(
    z.object({
      events: z.catch(z.array(z.unknown()), []),
      limited: z.catch(z.optional(z.boolean()), undefined),
      prev_batch: z.catch(z.optional(z.string()), undefined),
    }),
    { events: [] },
  ),
  ephemeral: z._default(events, { events: [] }),
  account_data: z._default(events, { events: [] }),
  unread_notifications: z.catch(
    z.object({
      notification_count: z.optional(z.number()),
      highlight_count: z.optional(z.number()),
    }),
    {},
  ),
});

export const invitedRoomSchema = z.object({ invite_state: z._default(events, { events: [] }) });

const rooms = z.catch(z.record(z.string(), z.unknown()), {});

export const syncSchema = z.object({
  next_batch: z.string(),
  rooms: z.catch(
    z.object({
      join: z._default(rooms, {}),
      invite: z._default(rooms, {}),
      leave: z._default(rooms, {}),
      knock: z._default(rooms, {}),
    }),
    { join: {}, invite: {}, leave: {}, knock: {} },
  ),
  account_data: z._default(events, { events: [] }),
  presence: z._default(events, { events: [] }),
  to_device: z._default(events, { events: [] }),
  device_lists: z.catch(
    z.object({
      changed: z._default(z.array(z.string()), []),
      left: z._default(z.array(z.string()), []),
    }),
    { changed: [], left: [] },
  ),
  device_one_time_keys_count: z.catch(z.record(z.string(), z.number()), {}),
  device_unused_fallback_key_types: z.catch(z.nullable(z.array(z.string())), null),
});

export type SyncResponse = z.output<typeof syncSchema>;
export type JoinedRoom = z.output<typeof joinedRoomSchema>;

/** GET /sync (client-server API, "Syncing"). `timeoutMs` is how long the server may wait for news. */
export const sync = (
  api: Api,
  query: { since: string | undefined; timeoutMs: number; filter: string; presence?: string },
  signal: AbortSignal,
): Promise<Result<SyncResponse>> =>
  call(api, syncSchema, 'GET', '/_matrix/client/v3/sync', {
    query: {
      since: query.since,
      timeout: query.timeoutMs,
      filter: query.filter,
      set_presence: query.presence,
    },
    timeoutMs: query.timeoutMs + 60_000,
    signal,
  });

/** Members are loaded when needed; a first sync brings twenty messages a room. */
export const syncFilter = {
  room: {
    state: { lazy_load_members: true },
    timeline: { limit: 30, lazy_load_members: true },
  },
} as const;
