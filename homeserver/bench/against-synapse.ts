import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { NotHere } from './synapse/not-here.ts';
import { startNyx } from './synapse/nyx.ts';
import { startPostgres } from './synapse/postgres.ts';
import { startSynapseOn, type Measured } from './synapse/synapse.ts';

/**
 * Nyx beside a real Synapse on PostgreSQL, each with fresh data and without rate limits, measured by the same program
 * on this machine, part by part in turns: `npm run bench:synapse -w homeserver [-- --only send,rooms,wake,read]`. What
 * else the machine does hits both alike. Needs PostgreSQL as Debian installs it, and Python; Synapse comes from PyPI. A
 * table, then one line of JSON.
 */
const { values } = parseArgs({ options: { only: { type: 'string', default: 'send,rooms,wake,read' } } });

type Figures = Readonly<Record<string, number | null>>;

const measure = async ({ url, secret }: Measured, part: string): Promise<Figures> => {
  const args = [join(import.meta.dirname, 'main.ts'), '--url', url, '--only', part];
  if (secret !== undefined) args.push('--secret', secret);
  const bench = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(bench, 'exit');
  const output = await text(bench.stdout);
  const [code] = await ended;
  if (code !== 0) throw new Error(`the bench ended with ${String(code)}`);
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Figures;
};

/** How many times better: more of a rate, less of a time or of memory. */
const ratio = (name: string, ours: number, theirs: number): number =>
  name.endsWith('_per_s') ? ours / theirs : theirs / ours;

try {
  await using postgres = await startPostgres();
  await using theirs = await startSynapseOn(postgres);
  await using ours = await startNyx();
  let synapse: Figures = {};
  let nyx: Figures = {};
  for (const part of values.only.split(',')) {
    synapse = { ...synapse, ...(await measure(theirs, part)) };
    nyx = { ...nyx, ...(await measure(ours, part)) };
  }
  const times: Record<string, number> = {};
  const row = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(24) : cell.padStart(12))).join('');
  console.log(row(['', 'synapse', 'nyx', 'times better']));
  for (const [name, mine] of Object.entries(nyx)) {
    const other = synapse[name];
    if (mine === null || other === null || other === undefined) continue;
    times[name] = Math.round(ratio(name, mine, other) * 10) / 10;
    console.log(row([name, String(other), String(mine), String(times[name])]));
  }
  console.log(JSON.stringify({ synapse, nyx, times }));
} catch (error) {
  if (!(error instanceof NotHere)) throw error;
  console.log(`skipped: ${error.message}`);
}
