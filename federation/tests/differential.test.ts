import { describe, expect, test } from 'vitest';
import { ROOM_VERSIONS } from '../src/room-versions/rules.ts';
import {
  buildGomatrixserverlibOracle,
  hasGo,
  playInGomatrixserverlib,
} from '../src/testing/gomatrixserverlib-oracle.ts';
import { playGraph, type EventGraph } from '../src/testing/graph-player.ts';
import { randomGraph, type GraphOptions } from '../src/testing/random-graph.ts';
import { buildRumaOracle, hasCargo, playInRuma, type OracleOutcome } from '../src/testing/ruma-oracle.ts';

const isLong = process.env.NYX_TEST_LONG !== undefined;
const canBuildRuma = isLong && hasCargo();
const canBuildGo = isLong && hasGo();
if (isLong && !canBuildRuma) console.warn('skipped: without cargo ruma-state-res cannot be built');
if (isLong && !canBuildGo) console.warn('skipped: without go gomatrixserverlib cannot be built');

const GRAPHS = 1000;
const LENGTH = 40;
/** Ruma knows state resolution from version 2 on. */
const VERSIONS = ROOM_VERSIONS.slice(1);
const TIMEOUT_MS = 1_200_000;

function expectTheSame(
  requests: readonly { readonly roomVersion: string; readonly options: GraphOptions }[],
  play: (graphs: readonly EventGraph[]) => OracleOutcome[],
): void {
  const seed = Number(process.env.NYX_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`NYX_TEST_SEED=${seed}`);
  const graphs = requests.map(({ roomVersion, options }, index) =>
    randomGraph(seed + index, roomVersion, LENGTH, options),
  );
  const theirs = play(graphs);
  for (const [index, graph] of graphs.entries()) {
    const { accepted, state } = theirs[index] ?? { accepted: [], state: [] };
    expect(playGraph(graph), `graph ${seed + index} of version ${graph.roomVersion}`).toEqual({
      accepted,
      state,
    });
  }
}

describe(`${GRAPHS} fresh graphs: the same decision on every event, the same state`, () => {
  test.skipIf(!canBuildRuma)('in ruma-state-res', { timeout: TIMEOUT_MS }, () => {
    const requests = Array.from({ length: GRAPHS }, (_, index) => {
      const roomVersion = VERSIONS[index % VERSIONS.length] ?? '12';
      return { roomVersion, options: roomVersion === '2' ? { old: true, fractions: false } : {} };
    });
    expectTheSame(requests, (graphs) => playInRuma(buildRumaOracle(), graphs));
  });

  test.skipIf(!canBuildGo)('of room version 1 in gomatrixserverlib', { timeout: TIMEOUT_MS }, () => {
    const options = { old: true, plain: true };
    const requests = Array.from({ length: GRAPHS }, () => ({ roomVersion: '1', options }));
    expectTheSame(requests, (graphs) => playInGomatrixserverlib(buildGomatrixserverlibOracle(), graphs));
  });
});
