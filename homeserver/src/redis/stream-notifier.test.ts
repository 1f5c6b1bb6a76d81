import { expect, it } from 'vitest';
import type { Bus } from '../ports/bus.ts';
import { StreamNotifier } from './stream-notifier.ts';

/** A stream whose mark the test moves, and a bus that the test speaks on. */
const setUp = () => {
  let mark = 10;
  const advances: ((mark: number) => void)[] = [];
  const handlers: ((payload: unknown) => void)[] = [];
  const connections: ((connected: boolean) => void)[] = [];
  const sent: unknown[] = [];
  const nothing = { [Symbol.dispose]: () => undefined };
  const bus = {
    connected: true as boolean,
    hasPeers: true,
    isAlone: false,
    publish: (_topic: string, payload: unknown) => void sent.push(payload),
    subscribe: (_topic: string, handler: (payload: unknown) => void) => {
      handlers.push(handler);
      return nothing;
    },
    onConnectionChange: (listener: (connected: boolean) => void) => {
      connections.push(listener);
      return nothing;
    },
  } satisfies Bus;
  const notifier = new StreamNotifier(bus, {
    mark: () => mark,
    onAdvance: (listener) => {
      advances.push(listener);
      return nothing;
    },
  });
  const calls: string[] = [];
  const listen = (name: string, keys: string[]) => notifier.listen(keys, () => void calls.push(name));
  const advance = (to: number): void => {
    mark = to;
    for (const listener of advances) listener(to);
  };
  return { notifier, bus, sent, calls, listen, advance, hear: handlers, connections };
};

it('wakes those who wait, at once and once, and tells the others', () => {
  const { notifier, calls, listen, sent } = setUp();
  listen('a', ['!r', '@u']);
  listen('b', ['!other']);
  notifier.publish(['!r', '@u'], 9);
  expect(calls).toEqual(['a']);
  expect(sent).toEqual([{ keys: ['!r', '@u'], position: 9 }]);
});

it('wakes nobody before what woke them can be read', () => {
  const { notifier, calls, listen, advance } = setUp();
  listen('a', ['!r']);
  notifier.publish(['!r'], 12);
  advance(11);
  expect(calls).toEqual([]);
  advance(12);
  expect(calls).toEqual(['a']);
});

it('is woken by other processes, when the mark is there', () => {
  const { calls, listen, advance, hear } = setUp();
  listen('a', ['!r']);
  for (const handler of hear) handler({ keys: ['!r'], position: 11 });
  expect(calls).toEqual([]);
  advance(11);
  expect(calls).toEqual(['a']);
});

it('wakes everybody after a gap, and at every advance while the bus is away', () => {
  const { bus, calls, listen, advance, connections } = setUp();
  listen('a', ['!r']);
  for (const listener of connections) listener(true);
  expect(calls).toEqual(['a']);
  bus.connected = false;
  advance(13);
  expect(calls).toEqual(['a', 'a']);
});

it('listens for more, and no longer', () => {
  const { notifier, calls, listen } = setUp();
  const subscription = listen('a', ['!r']);
  subscription.add(['!s']);
  notifier.publish(['!s'], 1);
  subscription[Symbol.dispose]();
  notifier.publish(['!r', '!s'], 1);
  expect(calls).toEqual(['a']);
});
