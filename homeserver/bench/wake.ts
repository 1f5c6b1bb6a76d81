import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { Arrivals, measureWaits, type Arrived } from './arrivals.ts';
import { registerUser, type MatrixClient } from './matrix-client.ts';
import { percentile } from './measure.ts';

/**
 * How soon after the answer to a send (and after its beginning) the message is seen by whoever waits for it, by long poll, sliding sync and socket:
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

const run = Date.now().toString(36);
const sender = await registerUser(url, `wake-${run}-sender`, undefined);
const reader = await registerUser(url, `wake-${run}-reader`, undefined);
const room = await sender.createRoom({ preset: 'public_chat' });
await reader.join(room);
const at = reader.at(readerUrl);

/** Reads until told to stop, and notes what arrives. */
type Reading = (client: MatrixClient, arrivals: Arrivals, stop: AbortSignal) => Promise<void>;

const polling: Reading = async (client, arrivals, stop) => {
  let { next_batch: since } = await client.sync({ timeout: '0' });
  while (!stop.aborted) {
    const answer = await client.sync({ since, timeout: '2000' });
    arrivals.read(answer, room);
    since = answer.next_batch;
  }
};

type SlidingAnswer = {
  readonly rooms?: Readonly<Record<string, { readonly timeline?: readonly Arrived[] }>>;
};

const sliding: Reading = async (client, arrivals, stop) => {
  const path = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync';
  const body = { lists: { all: { ranges: [[0, 19]], timeline_limit: 10, required_state: [] } } };
  let { pos } = await client.call('POST', path, body);
  while (!stop.aborted) {
    const query = new URLSearchParams({ pos: String(pos), timeout: '2000' });
    const answer = await client.call('POST', `${path}?${query.toString()}`, body);
    arrivals.note((answer as SlidingAnswer).rooms?.[room]?.timeline ?? [], performance.now());
    ({ pos } = answer);
  }
};

const listening: Reading = async (client, arrivals, stop) => {
  const socket = new WebSocket(
    `${readerUrl.replace(/^http/, 'ws').replace(/\/$/, '')}/_matrix/client/unstable/chat.nyx.socket`,
    'chat.nyx.socket.v1',
    { headers: { authorization: client.authorization } },
  );
  socket.on('message', (data) => {
    const frame = JSON.parse((data as Buffer).toString()) as {
      type: string;
      body?: Record<string, unknown>;
    };
    if (frame.type === 'ready') socket.send(JSON.stringify({ type: 'sync' }));
    if (frame.type !== 'sync' || frame.body === undefined) return;
    arrivals.read(frame.body, room);
    socket.send(JSON.stringify({ type: 'ack', next_batch: frame.body.next_batch }));
  });
  stop.addEventListener('abort', () => socket.close());
  await once(socket, 'close');
};

const results: Record<string, number> = {};
for (const [name, work] of [
  ['sync', polling],
  ['sliding', sliding],
  ['socket', listening],
] as const) {
  const arrivals = new Arrivals();
  const stop = new AbortController();
  const reading = work(at, arrivals, stop.signal);
  const waits = await measureWaits(COUNT, arrivals, (n) => sender.send(room, `message ${n}`));
  stop.abort();
  await reading;
  results[`${name}_wake_p50_ms`] = Math.round(percentile(waits.afterAnswer, 0.5) * 100) / 100;
  results[`${name}_wake_p99_ms`] = Math.round(percentile(waits.afterAnswer, 0.99) * 100) / 100;
  results[`send_to_${name}_p50_ms`] = Math.round(percentile(waits.afterSend, 0.5) * 100) / 100;
}
for (const [key, value] of Object.entries(results)) console.log(`${key.padEnd(24)} ${value}`);
console.log(JSON.stringify(results));
process.exit(0);
