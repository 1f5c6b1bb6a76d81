import { ROOM_VERSIONS } from '../src/room-versions/rules.ts';
import {
  DIGESTED_GRAPH_LENGTH,
  digestGraph,
  digestOutcome,
  type GraphDigests,
} from '../src/testing/graph-digests.ts';
import { writeVectors } from '../src/testing/gzip-json.ts';
import { randomGraph } from '../src/testing/random-graph.ts';
import { buildRumaOracle, playInRuma, RUMA_PRODUCER } from '../src/testing/ruma-oracle.ts';

/**
 * Writes federation/vectors/graph-digests.json.gz: what ruma-state-res makes of a thousand random graphs.
 * `node federation/scripts/freeze-graph-digests.ts`, with cargo on the path.
 */
const GRAPHS = 1000;
const FIRST_SEED = 500_000;
/** Ruma knows state resolution from version 2 on, and hashed event ids alone. */
const VERSIONS = ROOM_VERSIONS.slice(2);

const requests = Array.from({ length: GRAPHS }, (_, index) => ({
  seed: FIRST_SEED + index,
  roomVersion: VERSIONS[index % VERSIONS.length] ?? '12',
}));
const graphs = requests.map(({ seed, roomVersion }) => randomGraph(seed, roomVersion, DIGESTED_GRAPH_LENGTH));
const outcomes = playInRuma(buildRumaOracle(), graphs);
const file: GraphDigests = {
  script: 'federation/scripts/freeze-graph-digests.ts',
  producer: RUMA_PRODUCER,
  graphs: requests.map((request, index) => {
    const [graph, outcome] = [graphs[index], outcomes[index]];
    if (!graph || !outcome) throw new RangeError('fewer answers than graphs');
    return { ...request, graph: digestGraph(graph), outcome: digestOutcome(outcome) };
  }),
};
writeVectors('graph-digests.json.gz', file);
