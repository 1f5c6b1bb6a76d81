import { describe, expect, it } from 'vitest';
import type { Notifier } from '../../ports/notifier.ts';
import { QuietKeys } from './quiet-keys.ts';

/** A stream of which the test says what was committed, and a notifier that tells of it when asked to. */
const makeStream = () => {
  const committed: number[] = [];
  let mark = 0;
  let listener: () => void = () => undefined;
  const notifier: Notifier = {
    publish: () => undefined,
    wake: () => undefined,
    listen: (_keys, called) => {
      listener = called;
      return { add: () => undefined, [Symbol.dispose]: () => undefined };
    },
  };
  let asked = 0;
  const keys = new QuietKeys(notifier, () => mark);
  return {
    commit: (position: number) => {
      committed.push(position);
      mark = position;
    },
    pass: (position: number) => {
      mark = position;
    },
    tell: () => listener(),
    asked: () => asked,
    /** What is in (after, upTo]; `during` runs between the look and the answer. */
    look: (after: number, upTo: number, during: () => Promise<void> = () => Promise.resolve()) =>
      keys.ask<readonly number[]>('key', 'kind', after, upTo, {
        nothing: [],
        isNothing: (found) => found.length === 0,
        ask: async () => {
          asked += 1;
          const found = committed.filter((position) => position > after && position <= upTo);
          await during();
          return found;
        },
      }),
  };
};

describe('QuietKeys', () => {
  it('asks once while nothing happens, and again after news', async () => {
    const stream = makeStream();
    stream.pass(5);
    expect(await stream.look(0, 5)).toEqual([]);
    expect(await stream.look(5, 5)).toEqual([]);
    expect(stream.asked()).toBe(1);
    stream.commit(6);
    stream.tell();
    expect(await stream.look(5, 6)).toEqual([6]);
    expect(await stream.look(6, 6)).toEqual([]);
    expect(await stream.look(5, 6)).toEqual([6]);
  });

  it('tells two who ask at once, each what is theirs', async () => {
    const stream = makeStream();
    stream.pass(5);
    await stream.look(5, 5);
    stream.commit(6);
    stream.tell();
    const first = stream.look(5, 6, async () => {
      expect(await stream.look(5, 6)).toEqual([6]);
    });
    expect(await first).toEqual([6]);
  });

  it('keeps news that came after the bound of an answer was taken', async () => {
    const stream = makeStream();
    stream.pass(5);
    stream.commit(6);
    stream.tell();
    expect(await stream.look(5, 5)).toEqual([]);
    expect(await stream.look(5, 6)).toEqual([6]);
  });

  it('keeps news that came while it was asked', async () => {
    const stream = makeStream();
    stream.pass(5);
    await stream.look(5, 5, async () => {
      stream.commit(6);
      stream.tell();
    });
    expect(await stream.look(5, 6)).toEqual([6]);
  });

  it('asks again after a question that failed', async () => {
    const stream = makeStream();
    stream.commit(6);
    stream.tell();
    await expect(stream.look(5, 6, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await stream.look(5, 6)).toEqual([6]);
  });
});
