import { describe, expect, test } from 'vitest';
import { ROOM_VERSIONS } from '../src/room-versions/rules.ts';
import { playGraph } from '../src/testing/graph-player.ts';
import { randomGraph } from '../src/testing/random-graph.ts';
import { buildRumaOracle, hasCargo, playInRuma } from '../src/testing/ruma-oracle.ts';

const isLong = process.env.NYX_TEST_LONG !== undefined;
const canBuild = isLong && hasCargo();
if (isLong && !canBuild) console.warn('skipped: without cargo ruma-state-res cannot be built');

const GRAPHS = 1000;
/** Ruma knows state resolution from version 2 on, and hashed event ids alone. */
const VERSIONS = ROOM_VERSIONS.slice(2);

describe.skipIf(!canBuild)('fresh graphs in ruma-state-res', () => {
  test(`${GRAPHS} of them: the same decision on every event, the same state`, () => {
    const seed = Number(process.env.NYX_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.info(`NYX_TEST_SEED=${seed}`);
    const graphs = Array.from({ length: GRAPHS }, (_, index) =>
      randomGraph(seed + index, VERSIONS[index % VERSIONS.length] ?? '12', 40),
    );
    const theirs = playInRuma(buildRumaOracle(), graphs);
    for (const [index, graph] of graphs.entries()) {
      const { accepted, state } = theirs[index] ?? { accepted: [], state: [] };
      expect(playGraph(graph), `graph ${seed + index} of version ${graph.roomVersion}`).toEqual({
        accepted,
        state,
      });
    }
  }, 1_200_000);
});
