import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { EventGraph, GraphOutcome } from './graph-player.ts';
import { readPdu } from '../events/pdu.ts';
import { roomVersionRules } from '../room-versions/registry.ts';

const SOURCE = join(import.meta.dirname, '../../oracles/ruma');
const TARGET = join(import.meta.dirname, '../../../.cache/ruma-oracle');

/** What the harness is made of: goes into every frozen vector. */
export const RUMA_PRODUCER = 'ruma-state-res 0.18.0, ruma-signatures 0.22.1, ruma-common 0.20.2';

/** Whether this machine can build the harness; without Rust its tests are skipped aloud. */
export function hasCargo(): boolean {
  return spawnSync('cargo', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Builds the harness (a few minutes the first time) and gives the program's path. */
export function buildRumaOracle(): string {
  mkdirSync(TARGET, { recursive: true });
  execFileSync('cargo', ['build', '--quiet', '--locked'], {
    cwd: SOURCE,
    env: { ...process.env, CARGO_TARGET_DIR: TARGET },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(TARGET, 'debug/nyx-ruma-oracle');
}

/** Sends one JSON value per line through the harness. */
export function askRuma(
  program: string,
  mode: 'graphs' | 'judge' | 'sign',
  inputs: readonly unknown[],
): unknown[] {
  const input = inputs.map((value) => JSON.stringify(value)).join('\n');
  const output = execFileSync(program, [mode], { input, maxBuffer: 1_000_000_000 }).toString();
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

/** A graph in the harness's form. */
export function graphForRuma(graph: EventGraph): unknown {
  const rules = roomVersionRules(graph.roomVersion);
  if (rules === undefined) throw new RangeError('no such room version');
  const events = graph.events.map(({ eventId, json }) => {
    const { roomId, prevEvents, authEvents } = readPdu(rules, json, eventId);
    const hasRoomId = json.room_id !== undefined;
    return {
      event_id: eventId,
      ...(hasRoomId ? { room_id: roomId } : {}),
      sender: json.sender,
      origin_server_ts: json.origin_server_ts,
      type: json.type,
      state_key: json.state_key,
      content: json.content,
      prev_events: prevEvents,
      auth_events: authEvents,
      redacts: json.redacts,
    };
  });
  const [first] = graph.events;
  const roomId = first === undefined ? '' : readPdu(rules, first.json, first.eventId).roomId;
  return { room_version: graph.roomVersion, room_id: roomId, events };
}

/** Another implementation's answer, with the reasons for its rejections. */
export type OracleOutcome = GraphOutcome & { readonly reasons: readonly string[] };

const answerSchema = z.object({
  decisions: z.array(z.string()),
  state: z.array(z.tuple([z.string(), z.string(), z.string()])),
});

/** Reads the answers of a harness: an empty text stands for an accepted event. */
export function parseAnswers(answers: readonly unknown[]): OracleOutcome[] {
  return answers.map((answer) => {
    const { decisions, state } = answerSchema.parse(answer);
    return { accepted: decisions.map((reason) => reason === ''), state, reasons: decisions };
  });
}

/** Plays graphs through ruma-state-res. */
export function playInRuma(program: string, graphs: readonly EventGraph[]): OracleOutcome[] {
  return parseAnswers(askRuma(program, 'graphs', graphs.map(graphForRuma)));
}
