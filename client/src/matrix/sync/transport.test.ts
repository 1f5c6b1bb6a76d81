import { describe, expect, it } from 'vitest';
import { fail, ok } from '../api/result.ts';
import type { Result } from '../api/result.ts';
import { syncSchema } from '../api/sync.ts';
import type { SyncResponse } from '../api/sync.ts';
import type { KeyStock, SocketPort } from './socket.ts';
import { SyncTransport } from './transport.ts';

type Handlers = Parameters<SocketPort['open']>[2];

/** A server's end of sockets, driven by hand, and a clock. */
const world = (poll: (since: string | undefined, waitMs: number) => Promise<Result<SyncResponse>>) => {
  const sockets: { on: Handlers; sent: Record<string, unknown>[]; closed: boolean }[] = [];
  const stocks: KeyStock[] = [];
  const timers: { at: number; run: () => void }[] = [];
  const polls: { since: string | undefined; waitMs: number }[] = [];
  let now = 0;
  let token = 'secret';
  const transport = new SyncTransport({
    poll: (since, waitMs) => {
      polls.push({ since, waitMs });
      return poll(since, waitMs);
    },
    hasSocket: async () => true,
    socket: {
      sockets: {
        open: (_url, protocol, on) => {
          expect(protocol).toBe('chat.nyx.socket.v1');
          const socket = { on, sent: [] as Record<string, unknown>[], closed: false };
          sockets.push(socket);
          return {
            send: (text) => void socket.sent.push(JSON.parse(text) as Record<string, unknown>),
            close: () => {
              socket.closed = true;
            },
          };
        },
      },
      url: 'ws://x',
      freshToken: async () => token,
      filter: {},
      onKeyStock: (stock) => stocks.push(stock),
      after: (ms, run) => {
        const timer = { at: now + ms, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
      },
      random: () => 0.5,
    },
    now: () => now,
  });
  const turns = async (): Promise<void> => {
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
  };
  return {
    transport,
    sockets,
    polls,
    stocks,
    turns,
    newToken: (next: string) => (token = next),
    at: (index = sockets.length - 1) => {
      const socket = sockets[index];
      if (socket === undefined) throw new Error('no socket');
      return {
        ...socket,
        isClosed: () => socket.closed,
        say: (frame: object) => socket.on.text(JSON.stringify(frame)),
        ready: async () => {
          socket.on.opened();
          await turns();
          socket.on.text(JSON.stringify({ type: 'ready', id: 1, heartbeat_ms: 25_000 }));
        },
        delta: (next: string) => socket.on.text(JSON.stringify({ type: 'sync', body: { next_batch: next } })),
      };
    },
    pass: (ms: number) => {
      now += ms;
      for (const timer of timers.filter((one) => one.at <= now)) {
        timers.splice(timers.indexOf(timer), 1);
        timer.run();
      }
    },
  };
};

const live = new AbortController().signal;
const polled = (token: string): Result<SyncResponse> => ok(syncSchema.parse({ next_batch: token }));
const tokenOf = (answer: Result<SyncResponse>): string => (answer.ok ? answer.value.next_batch : 'failed');

describe('SyncTransport', () => {
  it('says who it is, asks from what is stored, and acknowledges what was', async () => {
    const { transport, at, polls, turns } = world(async () => polled('p'));
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    at().delta('s2');
    expect(tokenOf(await first)).toBe('s2');
    const second = transport.fetch('s2', 30_000, live);
    await turns();
    at().delta('s3');
    at().delta('s4');
    expect(tokenOf(await second)).toBe('s3');
    expect(tokenOf(await transport.fetch('s3', 30_000, live))).toBe('s4');
    expect(at().sent).toEqual([
      { type: 'auth', id: 1, access_token: 'secret' },
      { type: 'sync', id: 2, since: 's1', filter: {} },
      { type: 'ack', next_batch: 's2' },
      { type: 'ack', next_batch: 's3' },
    ]);
    expect(polls).toEqual([]);
  });

  it('begins again from what is stored when a delta was not', async () => {
    const { transport, at, sockets, turns } = world(async () => polled('p'));
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    at().delta('s2');
    await first;
    const again = transport.fetch('s1', 30_000, live);
    await turns();
    expect(sockets).toHaveLength(2);
    expect(at(0).isClosed()).toBe(true);
    await at().ready();
    expect(at().sent[1]).toMatchObject({ type: 'sync', since: 's1' });
    at().delta('s2');
    expect(tokenOf(await again)).toBe('s2');
  });

  it('hands on at once that keys run low, and passes over what is no stock', async () => {
    const { transport, at, stocks, turns } = world(async () => polled('p'));
    void transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    at().say({
      type: 'crypto',
      device_one_time_keys_count: { 'NS.opk': 3 },
      device_unused_fallback_key_types: [],
    });
    at().say({ type: 'crypto', device_one_time_keys_count: 'few' });
    at().say({ type: 'crypto', device_one_time_keys_count: {}, device_unused_fallback_key_types: 'none' });
    expect(stocks).toEqual([
      { device_one_time_keys_count: { 'NS.opk': 3 }, device_unused_fallback_key_types: [] },
      { device_one_time_keys_count: {}, device_unused_fallback_key_types: undefined },
    ]);
    expect(at().isClosed()).toBe(false);
  });

  it('polls when the connection breaks, and resumes over a socket after a while', async () => {
    const { transport, at, sockets, polls, turns, pass } = world(async (_since, waitMs) =>
      polled(waitMs === 0 ? 'p1' : 'p2'),
    );
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    at().on.closed(1006);
    expect(tokenOf(await first)).toBe('p1');
    expect(polls).toEqual([{ since: 's1', waitMs: 0 }]);
    pass(1_000);
    const next = transport.fetch('p1', 30_000, live);
    await turns();
    expect(sockets).toHaveLength(2);
    await at().ready();
    expect(at().sent[1]).toMatchObject({ since: 'p1' });
    at().delta('s9');
    expect(tokenOf(await next)).toBe('s9');
  });

  it('polls shortly while sockets fail, and for good when the server does not understand them', async () => {
    const { transport, at, sockets, polls, turns, pass } = world(async () => polled('p'));
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    at().on.closed(1006);
    await first;
    await transport.fetch('p', 30_000, live);
    expect(sockets).toHaveLength(1);
    expect(polls.at(-1)?.waitMs).toBe(1_000);
    pass(60_000);
    const third = transport.fetch('p', 30_000, live);
    await turns();
    at().on.closed(4000);
    await third;
    pass(600_000);
    await transport.fetch('p', 30_000, live);
    expect(sockets).toHaveLength(2);
    expect(polls.at(-1)?.waitMs).toBe(30_000);
  });

  it('lets /sync say that the session is over', async () => {
    const over = fail({ kind: 'http', status: 401, code: 'M_UNKNOWN_TOKEN', message: '' });
    const { transport, at, turns } = world(async () => over);
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    at().on.opened();
    await turns();
    at().say({ type: 'bye', code: 4001 });
    at().on.closed(4001);
    expect(await first).toBe(over);
  });

  it('takes silence of two heartbeats for the end, and a heartbeat for life', async () => {
    const { transport, at, polls, turns, pass } = world(async () => polled('p'));
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    pass(49_000);
    at().say({ type: 'heartbeat' });
    pass(49_000);
    expect(polls).toHaveLength(0);
    pass(2_000);
    expect(tokenOf(await first)).toBe('p');
    expect(at().isClosed()).toBe(true);
  });

  it('asks whether anybody is there when the network comes back, and gives five seconds', async () => {
    const { transport, at, turns, pass } = world(async () => polled('p'));
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    transport.wake();
    expect(at().sent.at(-1)).toEqual({ type: 'ping' });
    at().say({ type: 'pong' });
    pass(6_000);
    expect(at().isClosed()).toBe(false);
    transport.wake();
    pass(6_000);
    expect(tokenOf(await first)).toBe('p');
  });

  it('shows a new token when the server says that the old one has expired', async () => {
    const { transport, at, turns, newToken } = world(async () => polled('p'));
    void transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    newToken('fresher');
    at().say({ type: 'reauth', grace_ms: 10_000 });
    await turns();
    expect(at().sent.at(-1)).toEqual({ type: 'auth', id: 1, access_token: 'fresher' });
  });

  it('is not upset by frames of wrong shape', async () => {
    const { transport, at, turns } = world(async () => polled('p'));
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    for (const text of ['', '{', 'null', '[]', '{"type":5}', '{"type":"future","x":{}}']) at().on.text(text);
    at().delta('s2');
    expect(tokenOf(await first)).toBe('s2');
  });

  it('polls for what it cannot read as a delta', async () => {
    const { transport, at, turns } = world(async () => polled('p'));
    const first = transport.fetch('s1', 30_000, live);
    await turns();
    await at().ready();
    at().say({ type: 'sync', body: { rooms: 'none' } });
    expect(tokenOf(await first)).toBe('p');
  });

  it('stops with the page', async () => {
    const abort = new AbortController();
    const { transport, at, turns } = world(async () => fail({ kind: 'aborted', message: '' }));
    const first = transport.fetch('s1', 30_000, abort.signal);
    await turns();
    await at().ready();
    abort.abort();
    expect((await first).ok).toBe(false);
    expect(at().isClosed()).toBe(true);
  });
});
