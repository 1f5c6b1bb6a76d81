import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '@nyx/config/schema.ts';
import { systemPlatform } from '../src/main.ts';
import { bootServices } from '../src/cli/boot.ts';
import { createServer } from '../src/server.ts';
import { createLogger } from '../src/observability/logger.ts';
import { benchFlatness } from './durability/flatness.ts';
import { benchJournaled } from './durability/journaled.ts';

/**
 * `npm run bench:durability -w homeserver`: what an answered send costs against a plain journaled insert of the same
 * document, how much it stores, and whether that stays so in large rooms. A table, then one line of JSON. `--quick`
 * runs a tenth of everything, to see that it runs; `--members N` and `--events N` set how large the room gets.
 */
const argument = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const scale = process.argv.includes('--quick') ? 0.1 : 1;

const folder = mkdtempSync(join(tmpdir(), 'nyx-bench-'));
try {
  await using booted = await bootServices(
    configSchema.parse({
      server: { dataDir: folder, bind: ['127.0.0.1'], port: 0, webClient: { enabled: false } },
      rateLimits: { enabled: false },
      registration: { open: true, minPasswordLength: 1 },
    }),
    () => undefined,
  );
  const logger = createLogger('error', { write: (line) => void process.stderr.write(line) });
  await using server = await createServer(booted.config, {
    ...(await systemPlatform(booted.config, 'stderr')),
    logger,
  });
  const [url = ''] = await server.listen();
  const { db } = server.context.foundation;
  const journaled = await benchJournaled(url, db, Math.round(600 * scale));
  const flat = await benchFlatness(url, db, {
    members: argument('--members', Math.round(10_000 * scale)),
    events: argument('--events', Math.round(1_000_000 * scale)),
    sends: Math.round(400 * scale),
  });
  const rows: readonly (readonly [string, number, string])[] = [
    ['sends, one after another', journaled.sendsPerSecond, '/s'],
    ['plain journaled inserts', journaled.plainPerSecond, '/s'],
    ['ratio (>= 0.6)', journaled.sendsPerSecond / journaled.plainPerSecond, ''],
    ['stored per event (< 2,048)', journaled.bytesPerEvent, 'bytes'],
    ['send, 10 members', flat.small, 'ms'],
    [`send, ${flat.members} members`, flat.manyMembers, 'ms'],
    [`send, ${flat.events} events`, flat.manyEvents, 'ms'],
  ];
  for (const [name, value, unit] of rows)
    console.log(`${name.padEnd(36)} ${value.toFixed(2).padStart(12)} ${unit}`);
  console.log(
    JSON.stringify({
      send_seq_per_s: Math.round(journaled.sendsPerSecond),
      plain_per_s: Math.round(journaled.plainPerSecond),
      journaled_ratio: Number((journaled.sendsPerSecond / journaled.plainPerSecond).toFixed(3)),
      bytes_per_event: Math.round(journaled.bytesPerEvent),
      send_10_members_ms: Number(flat.small.toFixed(2)),
      send_many_members_ms: Number(flat.manyMembers.toFixed(2)),
      send_many_events_ms: Number(flat.manyEvents.toFixed(2)),
      members: flat.members,
      events: flat.events,
    }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
