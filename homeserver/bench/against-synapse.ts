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
 * one after the other on this machine: `npm run bench:synapse -w homeserver [-- --only send,rooms,wake,read]`. Needs
 * PostgreSQL as Debian installs it, and Python; Synapse comes from PyPI. A table, then one line of JSON.
 */
const { values } = parseArgs({ options: { only: { type: 'string' } } });

type Figures = Readonly<Record<string, number | null>>;

const measure = async ({ url, secret }: Measured): Promise<Figures> => {
  const args = [join(import.meta.dirname, 'main.ts'), '--url', url];
  if (secret !== undefined) args.push('--secret', secret);
  if (values.only !== undefined) args.push('--only', values.only);
  const bench = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(bench, 'exit');
  const output = await text(bench.stdout);
  const [code] = await ended;
  if (code !== 0) throw new Error(`the bench ended with ${String(code)}`);
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Figures;
};

const ofSynapse = async (): Promise<Figures> => {
  await using postgres = await startPostgres();
  await using synapse = await startSynapseOn(postgres);
  return await measure(synapse);
};

const ofNyx = async (): Promise<Figures> => {
  await using nyx = await startNyx();
  return await measure(nyx);
};

/** How many times better: more of a rate, less of a time or of memory. */
const ratio = (name: string, ours: number, theirs: number): number =>
  name.endsWith('_per_s') ? ours / theirs : theirs / ours;

try {
  const synapse = await ofSynapse();
  const nyx = await ofNyx();
  const times: Record<string, number> = {};
  const row = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(24) : cell.padStart(12))).join('');
  console.log(row(['', 'synapse', 'nyx', 'times better']));
  for (const [name, ours] of Object.entries(nyx)) {
    const theirs = synapse[name];
    if (ours === null || theirs === null || theirs === undefined) continue;
    times[name] = Math.round(ratio(name, ours, theirs) * 10) / 10;
    console.log(row([name, String(theirs), String(ours), String(times[name])]));
  }
  console.log(JSON.stringify({ synapse, nyx, times }));
} catch (error) {
  if (!(error instanceof NotHere)) throw error;
  console.log(`skipped: ${error.message}`);
}
