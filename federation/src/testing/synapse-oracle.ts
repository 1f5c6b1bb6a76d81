import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { EventGraph } from './graph-player.ts';
import { parseAnswers } from './ruma-oracle.ts';
import type { OracleOutcome } from './ruma-oracle.ts';

const SCRIPT = join(import.meta.dirname, '../../oracles/synapse/oracle.py');

/** Sends one JSON value per line through Synapse's own code. */
export function askSynapse(
  python: string,
  mode: 'graphs' | 'judge' | 'sign',
  inputs: readonly unknown[],
): unknown[] {
  return askSynapseForText(python, mode, inputs).map((line) => JSON.parse(line) as unknown);
}

/** {@link askSynapse} for answers with numbers that doubles cannot hold: gives their JSON texts. */
export function askSynapseForText(
  python: string,
  mode: 'graphs' | 'judge' | 'sign',
  inputs: readonly unknown[],
): string[] {
  const input = inputs.map((value) => JSON.stringify(value)).join('\n');
  return execFileSync(python, [SCRIPT, mode], { input, maxBuffer: 1_000_000_000 })
    .toString()
    .trimEnd()
    .split('\n');
}

/** The version of Synapse in a virtual environment, or undefined. */
export function synapseVersion(python: string): string | undefined {
  const code = 'import importlib.metadata as m; print(m.version("matrix-synapse"))';
  const { status, stdout } = spawnSync(python, ['-c', code]);
  return status === 0 ? stdout.toString().trim() : undefined;
}

/** Plays graphs through Synapse's event auth and state resolution. */
export function playInSynapse(python: string, graphs: readonly EventGraph[]): OracleOutcome[] {
  return parseAnswers(askSynapse(python, 'graphs', graphs.map(graphForSynapse)));
}

/** A graph in the harness's form: wire forms with their ids. */
export function graphForSynapse({ roomVersion, events }: EventGraph): unknown {
  return {
    room_version: roomVersion,
    events: events.map(({ eventId, json }) => ({ event_id: eventId, json })),
  };
}
