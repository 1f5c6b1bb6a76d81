import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { EventGraph, GraphOutcome } from './graph-player.ts';

/** How long the graphs of the file are, set-up apart. */
export const DIGESTED_GRAPH_LENGTH = 40;

/**
 * The file `graph-digests.json.gz`: for a thousand graphs, which `randomGraph` makes again from their seeds, what
 * another implementation made of them. Digests stand for graph and outcome, so that the file stays small.
 */
export const graphDigestsSchema = z.object({
  script: z.string(),
  producer: z.string(),
  /** What `randomGraph` was told besides seed, version and length. */
  options: z
    .object({
      unfederated: z.boolean().exactOptional(),
      old: z.boolean().exactOptional(),
      fractions: z.boolean().exactOptional(),
      plain: z.boolean().exactOptional(),
    })
    .default({}),
  graphs: z.array(
    z.object({ seed: z.number(), roomVersion: z.string(), graph: z.string(), outcome: z.string() }),
  ),
});
export type GraphDigests = z.input<typeof graphDigestsSchema>;

/** A digest of a graph's events, in order. */
export function digestGraph(graph: EventGraph): string {
  return digest([graph.roomVersion, graph.events.map(({ eventId, json }) => [eventId, json])]);
}

/** A digest of every decision and of the resolved state. */
export function digestOutcome(outcome: GraphOutcome): string {
  return digest([outcome.accepted, outcome.state]);
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
