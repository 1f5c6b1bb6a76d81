import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { TestServices } from '../../src/testing/services.ts';
import { testServices } from '../../src/testing/services.ts';
import type { Command, NodeOptions, Row, StreamNode } from './stream-process.ts';
import { openNode } from './stream-process.ts';

const PROCESS = join(import.meta.dirname, 'stream-process.ts');
const LONG = process.env.NYX_TEST_LONG !== undefined;
const WRITES_EACH = LONG ? 5_000 : 400;

const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

const setUp = (overrides: Partial<NodeOptions> = {}) => {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const services: TestServices = stack.use(testServices());
  const { mongoUri, databaseName, redisUri, redisPrefix } = services;
  const options: NodeOptions = {
    mongoUri,
    databaseName,
    redisUri,
    redisPrefix,
    withBus: true,
    ttlMs: 15_000,
    remote: false,
    ...overrides,
  };
  return { stack, options };
};

type Report = { ready?: true; reserved?: number[]; written?: string[]; error?: string };

/** A writer in a process of its own. */
const startWriter = async (stack: AsyncDisposableStack, options: NodeOptions) => {
  const child: ChildProcess = fork(PROCESS, [JSON.stringify(options)]);
  stack.defer(() => void child.kill('SIGKILL'));
  const reports: Report[] = [];
  const waiting: (() => void)[] = [];
  child.on('message', (message) => {
    reports.push(message as Report);
    for (const resolve of waiting.splice(0)) resolve();
  });
  const next = async (matches: (report: Report) => boolean): Promise<Report> => {
    for (;;) {
      const found = reports.find(matches);
      if (found !== undefined) return found;
      const failed = reports.find(({ error }) => error !== undefined);
      if (failed !== undefined) throw new Error(failed.error);
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  await next(({ ready }) => ready === true);
  return {
    child,
    next,
    reservedCount: () => reports.filter(({ reserved }) => reserved !== undefined).length,
    send: (command: Command) => void child.send(command),
    write: async (label: string) => {
      child.send({ do: 'write', labels: [label], stalled: false } satisfies Command);
      await next(({ written }) => written?.[0] === label);
    },
  };
};

/** Reads the stream as a client of it does: up to the mark, never looking back. */
const follow = (node: StreamNode) => {
  const seen: Row[] = [];
  let from = 0;
  const read = async (): Promise<void> => {
    const mark = node.stream.mark();
    if (mark <= from) return;
    const rows = await node.rows
      .find({ position: { $gt: from, $lte: mark } })
      .sort({ position: 1 })
      .toArray();
    seen.push(...rows.filter((row) => row.void !== true));
    from = mark;
  };
  return {
    seen,
    labels: () => seen.map(({ label }) => label ?? ''),
    position: () => from,
    read,
    until: async (done: () => boolean): Promise<void> => {
      while (!done()) {
        await node.stream.reached(from + 1);
        await read();
      }
    },
  };
};

const connected = async (node: StreamNode): Promise<void> => {
  await expect.poll(() => node.bus.hasPeers, { timeout: 25_000 }).toBe(true);
};

describe('stream positions over several processes', { timeout: 120_000 }, () => {
  for (const withBus of [true, false]) {
    const how = withBus ? 'over the bus' : 'with Redis away';

    it(`lets no reader pass a stalled commit, and shows it in its place after, ${how}`, async () => {
      const { stack, options } = setUp({ withBus });
      const reader = stack.adopt(await openNode(options), (node) => node.close());
      const slow = await startWriter(stack, options);
      const quick = await startWriter(stack, options);
      if (withBus) await connected(reader);
      const follower = follow(reader);
      await slow.write('before');
      await follower.until(() => follower.seen.length === 1);

      slow.send({ do: 'write', labels: ['stalled'], stalled: true });
      const { reserved: [gap = 0] = [] } = await slow.next(
        ({ reserved }) => reserved !== undefined && reserved[0] !== follower.seen[0]?.position,
      );
      for (let index = 0; index < 20; index += 1) await quick.write(`quick ${index}`);
      // All of them are committed, and stay out of sight: the reader would never look for the stalled one again.
      expect(await reader.rows.countDocuments({ label: /^quick/ })).toBe(20);
      await follower.read();
      expect(follower.labels()).toEqual(['before']);
      expect(reader.stream.mark()).toBeLessThan(gap);

      slow.send({ do: 'release' });
      await follower.until(() => follower.seen.length === 22);
      expect(follower.labels()[1]).toBe('stalled');
      expect(new Set(follower.labels()).size).toBe(22);
    });
  }

  it('closes the gap of a process that was killed with a commit under way', async () => {
    const { stack, options } = setUp();
    const reader = stack.adopt(await openNode(options), (node) => node.close());
    const victim = await startWriter(stack, options);
    const survivor = await startWriter(stack, options);
    await connected(reader);
    const follower = follow(reader);
    victim.send({ do: 'write', labels: ['lost'], stalled: true });
    await victim.next(({ reserved }) => reserved !== undefined);
    await survivor.write('kept');
    await follower.read();
    expect(follower.labels()).toEqual([]);
    victim.child.kill('SIGKILL');
    await follower.until(() => follower.seen.length === 1);
    expect(follower.labels()).toEqual(['kept']);
  });

  it('fences off a process that was frozen past its lease, which then writes at a new place', async () => {
    const { stack, options } = setUp({ ttlMs: 3_000, remote: true });
    const reader = stack.adopt(await openNode(options), (node) => node.close());
    const frozen = await startWriter(stack, options);
    const other = await startWriter(stack, options);
    await connected(reader);
    const follower = follow(reader);
    frozen.send({ do: 'write', labels: ['late'], stalled: true });
    const { reserved: [place = 0] = [] } = await frozen.next(({ reserved }) => reserved !== undefined);
    frozen.child.kill('SIGSTOP');
    await other.write('in time');
    await follower.until(() => follower.seen.length === 1);
    expect(follower.labels()).toEqual(['in time']);
    expect(follower.position()).toBeGreaterThanOrEqual(place);

    frozen.child.kill('SIGCONT');
    frozen.send({ do: 'release' });
    // The second attempt stalls too, as it was told to.
    await expect.poll(() => frozen.reservedCount(), { timeout: 25_000 }).toBe(2);
    frozen.send({ do: 'release' });
    await follower.until(() => follower.seen.length === 2);
    expect(follower.labels()).toEqual(['in time', 'late']);
    expect(follower.seen[1]?.position).toBeGreaterThan(place);
  });

  it('shows every write of three processes to every reader once and in order', async () => {
    const { stack, options } = setUp();
    const readers = [
      stack.adopt(await openNode(options), (node) => node.close()),
      stack.adopt(await openNode(options), (node) => node.close()),
    ];
    const writers = [await startWriter(stack, options), await startWriter(stack, options)];
    for (const reader of readers) await connected(reader);
    const [local] = readers;
    if (local === undefined) throw new Error('no reader');
    const total = WRITES_EACH * 3;
    const followers = readers.map((reader) => follow(reader));
    const following = followers.map((follower) => follower.until(() => follower.seen.length >= total));
    const writeAll = async (name: string, write: (label: string) => Promise<void>): Promise<void> => {
      for (let start = 0; start < WRITES_EACH; start += 4) {
        await Promise.all([0, 1, 2, 3].map((offset) => write(`${name} ${start + offset}`)));
      }
    };
    await Promise.all([
      ...writers.map((writer, index) => writeAll(`w${index}`, writer.write)),
      writeAll('local', async (label) => {
        await local.stream.write(1, async ([position = 0]) => {
          await local.rows.insertOne({ position, label });
        });
      }),
    ]);
    await Promise.all(following);
    for (const follower of followers) {
      expect(new Set(follower.labels()).size).toBe(total);
      expect(follower.seen).toHaveLength(total);
      const positions = follower.seen.map(({ position }) => position);
      expect(positions).toEqual(positions.toSorted((left, right) => left - right));
    }
  });
});
