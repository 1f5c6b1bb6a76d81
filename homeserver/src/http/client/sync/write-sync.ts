import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { SyncFilter } from '../../../domain/sync/sync-filter.ts';
import type { RoomSection, SyncResponse } from '../../../domain/sync/sync-response.ts';
import type { UnreadCount } from '../../../ports/sync-sources.ts';
import { onlyFields } from './event-fields.ts';

type Body = Record<string, unknown>;

/**
 * The answer of /sync as JSON. What is empty is left out.
 * @param unstable the client asked for state after the timeline by its name from before the spec had it.
 */
export function syncBody(response: SyncResponse, filter: SyncFilter, unstable: boolean): Body {
  const { keyCounts, deviceLists } = response;
  const fields = filter.eventFields;
  const rooms: Body = {};
  const sections = (map: SyncResponse['join']): Body =>
    fromMap(map, (section) => roomBody(section, filter, unstable));
  if (response.join.size > 0) rooms.join = sections(response.join);
  if (response.leave.size > 0) rooms.leave = sections(response.leave);
  if (response.invite.size > 0) {
    rooms.invite = fromMap(response.invite, (events) => ({ invite_state: { events } }));
  }
  if (response.knock.size > 0) {
    rooms.knock = fromMap(response.knock, (events) => ({ knock_state: { events } }));
  }
  return {
    next_batch: response.nextBatch,
    ...(Object.keys(rooms).length > 0 ? { rooms } : {}),
    ...events('account_data', response.accountData, fields),
    ...events('presence', response.presence, fields),
    ...events('to_device', response.toDevice, undefined),
    ...(deviceLists.changed.length > 0 || deviceLists.left.length > 0 ? { device_lists: deviceLists } : {}),
    device_one_time_keys_count: keyCounts.oneTime,
    device_unused_fallback_key_types: keyCounts.unusedFallback,
    'org.matrix.msc2732.device_unused_fallback_key_types': keyCounts.unusedFallback,
  };
}

function roomBody(section: RoomSection, filter: SyncFilter, unstable: boolean): Body {
  const { timeline, unread } = section;
  const fields = filter.eventFields;
  const stateKey =
    section.statePlace === 'before' ? 'state' : unstable ? 'org.matrix.msc4222.state_after' : 'state_after';
  return {
    timeline: {
      events: onlyFields(timeline.events, fields),
      limited: timeline.limited,
      prev_batch: timeline.prevBatch,
    },
    [stateKey]: { events: onlyFields(section.state, fields) },
    ...(section.summary === undefined ? {} : { summary: section.summary }),
    ephemeral: { events: section.ephemeral },
    account_data: { events: onlyFields(section.accountData, fields) },
    ...(unread === undefined ? {} : unreadBody(unread, filter.timeline.unreadThreadNotifications)),
  };
}

/** Counts of the main timeline, with those of threads in it or, if the client can tell them apart, beside it. */
function unreadBody(
  { main, threads }: { readonly main: UnreadCount; readonly threads: ReadonlyMap<string, UnreadCount> },
  byThread: boolean,
): Body {
  const write = ({ notifications, highlights }: UnreadCount): JsonObject => ({
    notification_count: notifications,
    highlight_count: highlights,
  });
  if (byThread) {
    return {
      unread_notifications: write(main),
      ...(threads.size > 0 ? { unread_thread_notifications: fromMap(threads, write) } : {}),
    };
  }
  let { notifications, highlights } = main;
  for (const thread of threads.values()) {
    notifications += thread.notifications;
    highlights += thread.highlights;
  }
  return { unread_notifications: write({ notifications, highlights }) };
}

const events = (key: string, list: readonly JsonObject[], fields: readonly string[] | undefined): Body =>
  list.length > 0 ? { [key]: { events: onlyFields(list, fields) } } : {};

const fromMap = <T, R>(map: ReadonlyMap<string, T>, write: (value: T) => R): Record<string, R> =>
  Object.fromEntries([...map].map(([key, value]) => [key, write(value)]));
