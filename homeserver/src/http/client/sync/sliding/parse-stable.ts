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

const elements = z
  .array(z.object({ type: z.string().optional(), state_key: z.string().optional() }))
  .max(MAX_ELEMENTS)
  .default([])
  .transform((given): StateElement[] => given.map(({ type, state_key: key }) => ({ type, key })));

const wanted = {
  timeline_limit: limitSchema,
  required_state: z
    .object({ include: elements, exclude: elements, lazy_members: z.boolean().default(false) })
    .transform(({ include, exclude, lazy_members: lazy }): StateSelector => ({ include, exclude, lazy })),
};

const toConfig = (given: {
  readonly required_state: StateSelector;
  readonly timeline_limit: number;
}): RoomConfig => ({ timelineLimit: given.timeline_limit, selectors: [given.required_state] });

const list = z
  .object({ ...wanted, range: z.tuple([indexSchema, indexSchema]).optional(), filters: filterSchema })
  .transform((given): ListRequest => ({
    ranges: given.range === undefined ? undefined : [given.range],
    filter: given.filters,
    config: toConfig(given),
  }));

/** Body of MSC4186 as it was merged. */
export const stableBody = z.object({
  conn_id: connIdSchema,
  pos: z.string().optional(),
  timeout: z.int().min(0).default(0),
  set_presence: z.string().optional(),
  lists: z.record(listName, list).optional(),
  room_subscriptions: z.record(z.string(), z.object(wanted).transform(toConfig)).optional(),
  extensions: extensionsSchema,
});
