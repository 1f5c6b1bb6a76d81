import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { registerUser, type MatrixClient } from './matrix-client.ts';
import { percentile } from './measure.ts';

/**
 * How soon after the answer to a send the message is seen by whoever waits for it, by long poll, sliding sync and socket:
 * `npm run bench:wake -w homeserver -- --url URL [--reader-url URL] [--count 400]`. The reader may be at another process
 * of the same server. Rate limits must be off, and registration open.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    'reader-url': { type: 'string' },
    count: { type: 'string', default: '400' },
  },
});
const { url } = values;
if (url === undefined) {
  console.error('usage: npm run bench:wake -w homeserver -- --url URL [--reader-url URL] [--count 400]');
  process.exit(2);
}
const readerUrl = values['reader-url'] ?? url;
const COUNT = Number(values.count);
const WARM_UP = 20;
/** Long enough for a poll to have begun to wait. */
const SETTLE_MS = 8;

const run = Date.now().toString(36);
const sender = await registerUser(url, `wake-${run}-sender`, undefined);
const reader = await registerUser(url, `wake-${run}-reader`, undefined);
const room = await sender.createRoom({ preset: 'public_chat' });
await reader.join(room);
const at = reader.at(readerUrl);

/** Milliseconds from each answer to its arrival; `arrival` resolves with the time of the next one. */
const measure = async (arrival: () => Promise<number>): Promise<number[]> => {
  const waits: number[] = [];
  for (let n = 0; n < COUNT + WARM_UP; n++) {
    const arrived = arrival();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    await sender.send(room, `message ${n}`);
    const answered = performance.now();
    const waited = Math.max(0, (await arrived) - answered);
    if (n >= WARM_UP) waits.push(waited);
  }
  return waits;
};

const polling = async (client: MatrixClient) => {
  let { next_batch: since } = await client.sync({ timeout: '0' });
  return measure(async () => {
    const answer = await client.sync({ since, timeout: '30000' });
    since = answer.next_batch;
    return performance.now();
  });
};

const sliding = async (client: MatrixClient) => {
  const path = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync';
  const body = { lists: { all: { ranges: [[0, 19]], timeline_limit: 10, required_state: [] } } };
  let { pos } = await client.call('POST', path, body);
  return measure(async () => {
    const query = new URLSearchParams({ pos: String(pos), timeout: '30000' });
    ({ pos } = await client.call('POST', `${path}?${query.toString()}`, body));
    return performance.now();
  });
};

const listening = async (client: MatrixClient) => {
  const socket = new WebSocket(
    `${readerUrl.replace(/^http/, 'ws').replace(/\/$/, '')}/_matrix/client/unstable/chat.nyx.socket`,
    'chat.nyx.socket.v1',
    { headers: { authorization: client.authorization } },
  );
  let arrived: (time: number) => void = () => undefined;
  const next = (): Promise<number> => new Promise((resolve) => (arrived = resolve));
  const first = next();
  socket.on('message', (data) => {
    const time = performance.now();
    const frame = JSON.parse((data as Buffer).toString()) as { type: string; body?: { next_batch: string } };
    if (frame.type === 'ready') socket.send(JSON.stringify({ type: 'sync' }));
    if (frame.type !== 'sync') return;
    socket.send(JSON.stringify({ type: 'ack', next_batch: frame.body?.next_batch }));
    arrived(time);
  });
  await first;
  const waits = await measure(next);
  socket.close();
  return waits;
};

const results: Record<string, number> = {};
for (const [name, work] of [
  ['sync', polling],
  ['sliding', sliding],
  ['socket', listening],
] as const) {
  const waits = await work(at);
  results[`${name}_wake_p50_ms`] = Math.round(percentile(waits, 0.5) * 100) / 100;
  results[`${name}_wake_p99_ms`] = Math.round(percentile(waits, 0.99) * 100) / 100;
}
for (const [key, value] of Object.entries(results)) console.log(`${key.padEnd(24)} ${value}`);
console.log(JSON.stringify(results));
process.exit(0);
