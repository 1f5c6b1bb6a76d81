import type { JsonObject } from '@nyx/federation/json/value.ts';
import { z } from 'zod';
import type { Audience } from '../../../domain/events/client-event.ts';
import { SEARCHED } from '../../../domain/search/index-events.ts';
import type { PresentHits } from '../../../domain/search/present-hits.ts';
import type { Hit, SearchEvents, SearchResult } from '../../../domain/search/search-events.ts';
import { placeToToken, tokenToPlace } from '../../../domain/search/search-place.ts';
import { defineRoute } from '../../route.ts';
import { roomEventFilterSchema } from '../event-filters.ts';
import { clientPaths } from '../paths.ts';
import { audienceOf } from '../schemas.ts';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;
const DEFAULT_CONTEXT = 5;
const MAX_CONTEXT = 20;
const MAX_TERM = 1_000;
const MAX_GROUPS = 2;

const contextLimit = z
  .number()
  .int()
  .min(0)
  .default(DEFAULT_CONTEXT)
  .transform((limit) => Math.min(limit, MAX_CONTEXT));

const roomEvents = z.object({
  search_term: z.string().max(MAX_TERM),
  keys: z
    .array(z.enum(['content.body', 'content.name', 'content.topic']))
    .max(10)
    .optional(),
  filter: roomEventFilterSchema.optional(),
  order_by: z.enum(['rank', 'recent']).default('rank'),
  event_context: z
    .object({
      before_limit: contextLimit,
      after_limit: contextLimit,
      include_profile: z.boolean().default(false),
    })
    .optional(),
  include_state: z.boolean().default(false),
  groupings: z
    .object({
      group_by: z
        .array(z.object({ key: z.enum(['room_id', 'sender']) }))
        .max(MAX_GROUPS)
        .default([]),
    })
    .optional(),
});

const searchBody = z.object({
  search_categories: z.object({ room_events: roomEvents.optional() }),
});

type Wanted = z.output<typeof roomEvents>;
type GroupKey = 'room_id' | 'sender';

const groupOf = (key: GroupKey, { event }: Hit): string =>
  key === 'room_id' ? event.room : event.pdu.sender;

/** The page, parted by room or sender; a group of which there is more has a token of its own. */
const groupsOf = (key: GroupKey, { hits, found }: SearchResult, below: number | undefined): JsonObject => {
  const groups: Record<string, JsonObject> = {};
  let order = 0;
  for (const [value, shown] of Map.groupBy(hits, (hit) => groupOf(key, hit))) {
    order += 1;
    const total = found.filter((hit) => groupOf(key, hit) === value).length;
    const next = { below, skip: shown.length, group: { key, value } };
    groups[value] = {
      order,
      results: shown.map(({ event }) => event.id),
      ...(total > shown.length ? { next_batch: placeToToken(next) } : {}),
    };
  }
  return groups;
};

const shownHit = async (
  hit: Hit,
  audience: Audience,
  wanted: Wanted,
  show: PresentHits,
): Promise<JsonObject> => {
  const { event_context: context } = wanted;
  const sides = context && {
    before: context.before_limit,
    after: context.after_limit,
    profiles: context.include_profile,
  };
  return {
    rank: hit.rank,
    result: await show.event(hit.event, audience),
    ...(sides === undefined ? {} : { context: await show.context(hit.event, audience, sides) }),
  };
};

/** Spec: Client-Server API, POST search. */
export const searchRoute = (search: SearchEvents, show: PresentHits) =>
  defineRoute({
    operation: 'search',
    method: 'POST',
    paths: clientPaths('/search'),
    auth: 'access_token',
    limit: 'search',
    query: z.object({ next_batch: z.string().optional() }),
    bodySchema: searchBody,
    handler: async ({ requester, query, body }) => {
      const wanted = body.search_categories.room_events;
      if (wanted === undefined) return { body: { search_categories: {} } };
      const audience = audienceOf(requester);
      const place = query.next_batch === undefined ? undefined : tokenToPlace(query.next_batch);
      const filter = wanted.filter ?? roomEventFilterSchema.parse({});
      const result = await search.search({
        user: audience.user,
        term: wanted.search_term,
        keys: wanted.keys ?? Object.keys(SEARCHED),
        filter,
        order: wanted.order_by,
        limit: Math.min(filter.limit ?? DEFAULT_LIMIT, MAX_LIMIT),
        place,
      });
      const results: JsonObject[] = [];
      for (const hit of result.hits) results.push(await shownHit(hit, audience, wanted, show));
      const state: Record<string, JsonObject[]> = {};
      if (wanted.include_state) {
        for (const room of new Set(result.hits.map(({ event }) => event.room)))
          state[room] = await show.state(room, audience);
      }
      const groups: Record<string, JsonObject> = {};
      for (const { key } of wanted.groupings?.group_by ?? [])
        groups[key] = groupsOf(key, result, place?.below);
      return {
        body: {
          search_categories: {
            room_events: {
              count: result.count,
              highlights: result.words,
              results,
              ...(wanted.include_state ? { state } : {}),
              ...(wanted.groupings === undefined ? {} : { groups }),
              ...(result.next === undefined ? {} : { next_batch: placeToToken(result.next) }),
            },
          },
        },
      };
    },
  });
