import { z } from 'zod';
import { isEventId } from '../spec/identifiers/event-id.ts';
import type { EventGraph, GraphOutcome } from './graph-player.ts';
import type { JsonObject } from '../json/value.ts';

const answerSchema = z.object({
  verdict: z.enum(['ok', 'redact', 'drop']),
  reason: z.string().exactOptional(),
  event_id: z.string().exactOptional(),
  reference_hash: z.string().exactOptional(),
  content_hash: z.string().exactOptional(),
  redacted: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null).exactOptional(),
});

/** One event with another implementation's verdict on it. */
export const frozenEventSchema = z.object({
  name: z.string(),
  roomVersion: z.string(),
  /** The event as it came over the wire. */
  text: z.string(),
  answer: answerSchema,
});
export type FrozenEvent = z.infer<typeof frozenEventSchema>;

/** The file `events.json.gz`. */
export const eventFileSchema = z.object({
  script: z.string(),
  keys: z.record(z.string(), z.record(z.string(), z.string())),
  producers: z.array(z.object({ producer: z.string(), events: z.array(frozenEventSchema) })),
});

const frozenGraphSchema = z.object({
  producer: z.string(),
  roomVersion: z.string(),
  /** `[event id, wire form]`, in order. */
  events: z.array(
    z.tuple([
      z.string().refine(isEventId),
      z.custom<JsonObject>((value) => typeof value === 'object' && value !== null),
    ]),
  ),
  accepted: z.array(z.boolean()),
  state: z.array(z.tuple([z.string(), z.string(), z.string()])),
});
export type FrozenGraph = z.input<typeof frozenGraphSchema>;

/** The file `graphs.json.gz`. */
export const graphFileSchema = z.object({ script: z.string(), graphs: z.array(frozenGraphSchema) });

/** A graph with its outcome in the form of the file. */
export function toFrozenGraph(
  producer: string,
  graph: EventGraph | undefined,
  outcome: GraphOutcome,
): FrozenGraph {
  if (graph === undefined) throw new RangeError('more answers than graphs');
  return {
    producer,
    roomVersion: graph.roomVersion,
    events: graph.events.map(({ eventId, json }) => [eventId, json]),
    accepted: [...outcome.accepted],
    state: outcome.state.map(([type, stateKey, id]) => [type, stateKey, id]),
  };
}
