import { parseArgs } from 'node:util';
import { Arrivals, measureWaits } from './arrivals.ts';
import { registerUser, type MatrixClient } from './matrix-client.ts';
import { percentile, rate, times } from './measure.ts';
import { processListeningOn, residentMegabytes } from './server-memory.ts';

/**
 * Measures any Matrix server: `npm run bench -w homeserver -- --url URL [--secret SHARED_SECRET] [--pid PID]`. Rate
 * limits of the server must be off, and registration open unless its shared secret is given.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    secret: { type: 'string' },
    pid: { type: 'string' },
    only: { type: 'string' },
  },
});
const { url, secret, only } = values;
if (url === undefined) {
  console.error('usage: npm run bench -w homeserver -- --url URL [--secret SHARED_SECRET] [--pid PID]');
  process.exit(2);
}
const base = url.replace(/\/$/, '');
const run = Date.now().toString(36);
const users: MatrixClient[] = [];
for (let n = 0; n < 10; n++) users.push(await registerUser(base, `bench-${run}-${n}`, secret));
const [first, second] = users;
if (first === undefined || second === undefined) throw new Error('no users');

const TEXT = 'The quick brown fox jumps over the lazy dog, and does so in a sentence of ordinary length.';
const SENDERS = 10;
const results: Record<string, number | null> = {};
const wanted = (name: string): boolean => only === undefined || only.split(',').includes(name);

const roomOfAll = async (): Promise<string> => {
  const room = await first.createRoom({ preset: 'public_chat' });
  for (const user of users.slice(1)) await user.join(room);
  return room;
};

const sending = async (): Promise<void> => {
  const alone = await first.createRoom({ preset: 'public_chat' });
  for (let n = 0; n < 20; n++) await first.send(alone, 'warm-up');
  results.send_seq_per_s = await rate(500, 1, () => first.send(alone, TEXT));
  const common = await roomOfAll();
  results.send_10_per_s = await rate(2_000, SENDERS, (_, lane) => (users[lane] ?? first).send(common, TEXT));
  const rooms: string[] = [];
  for (let n = 0; n < SENDERS; n++) rooms.push(await roomOfAll());
  results.send_10_rooms_per_s = await rate(2_000, SENDERS, (_, lane) =>
    (users[lane] ?? first).send(rooms[lane] ?? common, TEXT),
  );
};

const rooms = async (): Promise<void> => {
  results.create_room_per_s = await rate(100, 1, (n) => first.createRoom({ name: `Room ${n}` }));
  const open: string[] = [];
  for (let n = 0; n < 12; n++) open.push(await first.createRoom({ preset: 'public_chat' }));
  const joins = open.flatMap((room) => users.slice(1).map((user) => [room, user] as const));
  results.join_per_s = await rate(joins.length, 1, async (n) => {
    const [room, user] = joins[n] ?? [];
    if (room !== undefined && user !== undefined) await user.join(room);
  });
};

const waking = async (): Promise<void> => {
  const room = await roomOfAll();
  const arrivals = new Arrivals();
  const progress = { finished: false };
  const poll = async (): Promise<void> => {
    let { next_batch: since } = await second.sync({ timeout: '0' });
    while (!progress.finished) {
      const answer = await second.sync({ since, timeout: '2000' });
      arrivals.read(answer, room);
      since = answer.next_batch;
    }
  };
  const polling = poll();
  const waits = await measureWaits(200, arrivals, () => first.send(room, TEXT));
  progress.finished = true;
  await polling;
  results.sync_wake_p50_ms = percentile(waits.afterAnswer, 0.5);
  results.sync_wake_p99_ms = percentile(waits.afterAnswer, 0.99);
  results.send_to_sync_p50_ms = percentile(waits.afterSend, 0.5);
};

const reading = async (): Promise<void> => {
  const reader = await registerUser(base, `bench-${run}-reader`, secret);
  const own: string[] = [];
  await rate(100, SENDERS, async () => {
    const room = await reader.createRoom({ preset: 'public_chat' });
    own.push(room);
    for (let n = 0; n < 20; n++) await reader.send(room, TEXT);
  });
  const filter = JSON.stringify({ room: { timeline: { limit: 20 } } });
  const initial = await times(7, () => reader.sync({ filter, timeout: '0' }));
  results.initial_sync_ms = percentile(initial, 0.5);
  const [room = ''] = own;
  let { next_batch: since } = await reader.sync({ filter, timeout: '0' });
  const incremental: number[] = [];
  for (let n = 0; n < 100; n++) {
    await reader.send(room, TEXT);
    const began = performance.now();
    ({ next_batch: since } = await reader.sync({ since, filter, timeout: '0' }));
    incremental.push(performance.now() - began);
  }
  results.incremental_sync_ms = percentile(incremental, 0.5);
  const long = await reader.createRoom({});
  await rate(2_000, SENDERS, () => reader.send(long, TEXT));
  let from = '';
  const pages = await times(20, async (n) => {
    if (n % 10 === 0) from = '';
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(long)}/messages?dir=b&limit=100`;
    const page = await reader.call('GET', from === '' ? path : `${path}&from=${encodeURIComponent(from)}`);
    from = typeof page.end === 'string' ? page.end : '';
  });
  results.messages_page_ms = percentile(pages, 0.5);
};

if (wanted('send')) await sending();
if (wanted('rooms')) await rooms();
if (wanted('wake')) await waking();
if (wanted('read')) await reading();
const pid =
  values.pid === undefined ? processListeningOn(Number(new URL(base).port || 80)) : Number(values.pid);
results.rss_mb = pid === undefined ? null : (residentMegabytes(pid) ?? null);

const rounded = Object.fromEntries(
  Object.entries(results).map(([key, value]) => [key, value === null ? null : Math.round(value * 100) / 100]),
);
for (const [key, value] of Object.entries(rounded)) console.log(`${key.padEnd(24)} ${String(value)}`);
console.log(JSON.stringify(rounded));
process.exit(0);
