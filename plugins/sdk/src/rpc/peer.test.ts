import { expect, test, vi } from 'vitest';
import { LineReader } from './lines.ts';
import { RpcError } from './messages.ts';
import { RpcPeer } from './peer.ts';

const limits = { maxWaiting: 3, maxServing: 2 };

/** Two sides that talk to each other. */
const pair = (handle: (method: string, params: unknown) => unknown) => {
  const violations: string[] = [];
  const onViolation = (reason: string) => void violations.push(reason);
  const sent: string[] = [];
  const host: RpcPeer = new RpcPeer({
    ...limits,
    handle: () => null,
    onViolation,
    send: (message) => {
      queueMicrotask(() => plugin.receive(JSON.stringify(message)));
      return true;
    },
  });
  const plugin: RpcPeer = new RpcPeer({
    ...limits,
    handle,
    onViolation,
    send: (message) => {
      sent.push(JSON.stringify(message));
      queueMicrotask(() => host.receive(JSON.stringify(message)));
      return true;
    },
  });
  return { host, plugin, violations, sent };
};

test('answers calls, and passes codes of refusals on', async () => {
  const { host } = pair((method, params) => {
    if (method === 'bad') throw new RpcError('quota', 'full');
    return { method, params };
  });
  expect(await host.call('good', { a: 1 }, 1_000)).toEqual({ method: 'good', params: { a: 1 } });
  await expect(host.call('bad', {}, 1_000)).rejects.toMatchObject({ code: 'quota', message: 'full' });
});

test('gives up in time, and takes the late answer for none', async () => {
  vi.useFakeTimers();
  try {
    let finish: (value: unknown) => void = () => undefined;
    const { host, violations } = pair(() => new Promise((resolve) => (finish = resolve)));
    const call = expect(host.call('slow', {}, 100)).rejects.toMatchObject({ code: 'timeout' });
    await vi.advanceTimersByTimeAsync(100);
    await call;
    expect(host.outstanding).toBe(1);
    finish(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(host.outstanding).toBe(0);
    expect(violations).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

test('refuses at once what is more than may be under way, and ends what waits when it is closed', async () => {
  const { host } = pair(() => new Promise(() => undefined));
  const waiting = [1, 2, 3].map(() => host.call('x', {}, 10_000).catch((error: unknown) => error));
  await expect(host.call('x', {}, 10_000)).rejects.toMatchObject({ code: 'busy' });
  host.close('gone');
  const [first, second, third] = await Promise.all(waiting);
  // The other side serves two at a time.
  expect([first, second]).toMatchObject([{ code: 'closed' }, { code: 'closed' }]);
  expect(third).toMatchObject({ code: expect.stringMatching(/busy|closed/) });
  await expect(host.call('x', {}, 10)).rejects.toMatchObject({ code: 'closed' });
});

test.each([
  '{',
  '1',
  '{"jsonrpc":"2.0","id":77,"result":1}',
  '{"jsonrpc":"2.0","method":5}',
  '[]',
  '['.repeat(100_000),
])('reports %.40s as a violation', (text) => {
  const { host, violations } = pair(() => null);
  host.receive(text);
  expect(violations).toHaveLength(1);
});

test('cuts lines however the bytes arrive, and keeps no more than the limit', () => {
  const lines: string[] = [];
  const tooLong = vi.fn();
  const reader = new LineReader(8, (line) => lines.push(line), tooLong);
  for (const byte of Buffer.from('ab\nähn\n\n12345678\n')) reader.push(Uint8Array.of(byte));
  expect(lines).toEqual(['ab', 'ähn', '', '12345678']);
  reader.push(Buffer.from('x\n123456789\nlater\n'));
  expect(lines.at(-1)).toBe('x');
  expect(tooLong).toHaveBeenCalledOnce();
});
