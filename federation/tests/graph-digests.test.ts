import { describe, expect, test } from 'vitest';
import {
  DIGESTED_GRAPH_LENGTH,
  digestGraph,
  digestOutcome,
  graphDigestsSchema,
} from '../src/testing/graph-digests.ts';
import { playGraph } from '../src/testing/graph-player.ts';
import { readVectors } from '../src/testing/gzip-json.ts';
import { randomGraph } from '../src/testing/random-graph.ts';

const { graphs, producer } = graphDigestsSchema.parse(readVectors('graph-digests.json.gz'));
const versions = [...new Set(graphs.map(({ roomVersion }) => roomVersion))];

/** Frozen by federation/scripts/freeze-graph-digests.ts, from an implementation that is not ours. */
describe(`random graphs that ${producer} resolved`, () => {
  test('are a thousand, of every room version that it knows', () => {
    expect(graphs.length).toBe(1000);
    expect(versions).toEqual(['3', '4', '5', '6', '7', '8', '9', '10', '11', '12']);
  });

  test.each(versions)(
    'version %s: the same decision on every event, the same state',
    { timeout: 120_000 },
    (version) => {
      for (const { seed, roomVersion, graph: expected, outcome } of graphs) {
        if (roomVersion !== version) continue;
        const graph = randomGraph(seed, roomVersion, DIGESTED_GRAPH_LENGTH);
        // If this alone fails, the generator has changed: freeze anew.
        expect(digestGraph(graph), `graph ${seed}`).toBe(expected);
        expect(digestOutcome(playGraph(graph)), `outcome of graph ${seed}`).toBe(outcome);
      }
    },
  );
});
