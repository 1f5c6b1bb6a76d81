import { z } from 'zod';
import type {
  ListRequest,
  RoomConfig,
  StateElement,
  StateSelector,
} from '../../../../domain/sliding/sliding-request.ts';
import {
  connIdSchema,
  extensionsSchema,
  filterSchema,
  indexSchema,
  limitSchema,
  listName,
  MAX_ELEMENTS,
} from './parse-common.ts';

const MAX_RANGES = 20;
const MEMBER = 'm.room.member';
const ANY = '*';
const LAZY = '$LAZY';
const ME = '$ME';

const elementsSchema = z
  .array(z.tuple([z.string(), z.string()]))
  .max(MAX_ELEMENTS)
  .default([]);

/** `required_state` as pairs with the words `*`, `$ME` and `$LAZY`. */
const selector = (pairs: z.output<typeof elementsSchema>, user: string): StateSelector => {
  const include: StateElement[] = [];
  let lazy = false;
  for (const [type, key] of pairs) {
    if (key === LAZY) lazy ||= type === MEMBER;
    else {
      include.push({
        type: type === ANY ? undefined : type,
        key: key === ANY ? undefined : key === ME ? user : key,
      });
    }
  }
  return { include, exclude: [], lazy };
};

/** Body of the dialect that Synapse, Element X and matrix-js-sdk speak: MSC4186 as it was before it was merged. */
export const unstableBody = (user: string) => {
  const wanted = { required_state: elementsSchema, timeline_limit: limitSchema };
  const toConfig = (given: {
    readonly required_state: z.output<typeof elementsSchema>;
    readonly timeline_limit: number;
  }): RoomConfig => ({
    timelineLimit: given.timeline_limit,
    selectors: [selector(given.required_state, user)],
  });
  const list = z
    .object({
      ...wanted,
      ranges: z
        .array(z.tuple([indexSchema, indexSchema]))
        .max(MAX_RANGES)
        .nullish(),
      filters: filterSchema,
    })
    .transform((given): ListRequest => ({
      ranges: given.ranges ?? undefined,
      filter: given.filters,
      config: toConfig(given),
    }));
  return z.object({
    conn_id: connIdSchema,
    txn_id: z.string().max(255).optional(),
    lists: z.record(listName, list).nullish(),
    room_subscriptions: z.record(z.string(), z.object(wanted).transform(toConfig)).nullish(),
    extensions: extensionsSchema,
  });
};
