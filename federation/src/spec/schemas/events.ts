import { z } from 'zod';
import { isEventId } from '../identifiers/event-id.ts';
import { eventIdSchema } from '../identifiers/schemas.ts';

/** Events that get_missing_events answers when the body does not say (spec: POST get_missing_events). */
const DEFAULT_MISSING = 10;
/** Most ids taken from one end of a gap. The spec is silent; an event has at most 20 previous ones. */
const MAX_GAP_IDS = 100;

/** Answer of event and backfill (spec: Server-Server API, Retrieving events). */
export const pdusAnswerSchema = <E>(event: z.ZodType<E>) => z.looseObject({ pdus: z.array(event) });

/** Answer of state: whole events. */
export const stateAnswerSchema = <E>(event: z.ZodType<E>) =>
  z.looseObject({ pdus: z.array(event), auth_chain: z.array(event) });

/** Answer of state_ids. */
export const stateIdsAnswerSchema = z.looseObject({
  pdu_ids: z.array(eventIdSchema),
  auth_chain_ids: z.array(eventIdSchema),
});

/** Answer of event_auth. */
export const eventAuthAnswerSchema = <E>(event: z.ZodType<E>) =>
  z.looseObject({ auth_chain: z.array(event) });

/** Ids that are none are left out: an unknown event is nothing to fail for either. */
const ids = z
  .array(z.string())
  .max(MAX_GAP_IDS)
  .transform((list) => list.filter(isEventId));

/** Body of get_missing_events. */
export const missingEventsRequestSchema = z.object({
  earliest_events: ids,
  latest_events: ids,
  limit: z.number().int().min(1).default(DEFAULT_MISSING),
});

/** Answer of get_missing_events. */
export const missingEventsAnswerSchema = <E>(event: z.ZodType<E>) =>
  z.looseObject({ events: z.array(event) });
