import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { EventGraph } from './graph-player.ts';
import { parseAnswers, type OracleOutcome } from './ruma-oracle.ts';
import { graphForSynapse } from './synapse-oracle.ts';

const SOURCE = join(import.meta.dirname, '../../oracles/gomatrixserverlib');
const PROGRAM = join(import.meta.dirname, '../../../.cache/gomatrixserverlib-oracle');

/** What the harness is made of: goes into every frozen vector. */
export const GOMATRIXSERVERLIB_PRODUCER = 'gomatrixserverlib v0.0.0-20240910190622-2c764912ce93';

/** Whether this machine can build the harness; without Go its tests are skipped aloud. */
export function hasGo(): boolean {
  return spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
}

/** Builds the harness (a minute or two the first time) and gives the program's path. */
export function buildGomatrixserverlibOracle(): string {
  execFileSync('go', ['build', '-mod=readonly', '-o', PROGRAM, '.'], {
    cwd: SOURCE,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return PROGRAM;
}

/** Plays graphs of room version 1 through gomatrixserverlib's event auth and state resolution. */
export function playInGomatrixserverlib(program: string, graphs: readonly EventGraph[]): OracleOutcome[] {
  const input = graphs.map((graph) => JSON.stringify(graphForSynapse(graph))).join('\n');
  const output = execFileSync(program, { input, maxBuffer: 1_000_000_000 }).toString();
  return parseAnswers(
    output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  );
}
