import { z } from 'zod';
import { graphFileSchema } from './frozen-vectors.ts';
import { graphDigestsSchema } from './graph-digests.ts';

/** The file `old-rooms.json.gz`. */
export const oldRoomsSchema = z.object({
  script: z.string(),
  /** Whole graphs of room versions 1 and 2. */
  graphs: graphFileSchema.shape.graphs,
  digests: z.array(graphDigestsSchema),
  keys: z.record(z.string(), z.record(z.string(), z.string())),
  /** Who signed and judged the events. */
  producer: z.string(),
  /** Events with numbers that canonical JSON forbids; both as JSON text, since a parse would round them. */
  events: z.array(z.object({ roomVersion: z.string(), text: z.string(), answer: z.string() })),
});
export type OldRooms = z.input<typeof oldRoomsSchema>;
