import { expect, it } from 'vitest';
import { MAX_RUNNING, MAX_WAITING } from './limits.ts';
import { RequestQueue } from './request-queue.ts';

/** Tasks that end when the test says so. */
const setUp = () => {
  const queue = new RequestQueue();
  const started: string[] = [];
  const finish = new Map<string, () => void>();
  const add = (name: string, lane?: string): boolean =>
    queue.add(lane, () => {
      started.push(name);
      return new Promise<void>((resolve) => finish.set(name, resolve));
    });
  const end = async (name: string): Promise<void> => {
    finish.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, started, add, end };
};

it('runs what is in one lane one after another, and lets others pass', async () => {
  const { started, add, end } = setUp();
  add('a1', 'a');
  add('a2', 'a');
  add('b1', 'b');
  expect(started).toEqual(['a1', 'b1']);
  await end('a1');
  expect(started).toEqual(['a1', 'b1', 'a2']);
});

it('bounds how many run and how many wait', async () => {
  const { started, add, end } = setUp();
  for (let n = 0; n < MAX_RUNNING + MAX_WAITING; n++) expect(add(`t${n}`)).toBe(true);
  expect(started.length).toBe(MAX_RUNNING);
  expect(add('one too many')).toBe(false);
  await end('t0');
  expect(started.length).toBe(MAX_RUNNING + 1);
  expect(add('room again')).toBe(true);
});

it('forgets what has not begun', async () => {
  const { queue, started, add, end } = setUp();
  add('a1', 'a');
  add('a2', 'a');
  queue.clear();
  await end('a1');
  expect(started).toEqual(['a1']);
});
