import { describe, expect, it } from 'vitest';
import { fail, ok } from '../api/result.ts';
import { limits } from '../limits.ts';
import type { OutboxEntry, OutboxStore } from './outbox.ts';
import { OutboxFull, SendQueue } from './queue.ts';
import type { OutboxChange, SendOutcome } from './queue.ts';

/** A store that a second queue finds again, as after a reload. */
const memoryStore = (
  rows = new Map<string, OutboxEntry>(),
): OutboxStore & { rows: Map<string, OutboxEntry> } => ({
  rows,
  load: async () => [...rows.values()],
  put: async (entry) => void rows.set(entry.txnId, entry),
  remove: async (txnId) => void rows.delete(txnId),
});

const settle = async (until: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 1_000 && !until(); turn += 1) await Promise.resolve();
  expect(until()).toBe(true);
};

const makeQueue = (deliver: (entry: OutboxEntry) => Promise<SendOutcome>, store = memoryStore()) => {
  const changes: OutboxChange[] = [];
  const pauses: { ms: number; resume: () => void }[] = [];
  let next = 0;
  const queue = new SendQueue({
    store,
    deliver,
    onChange: (change) => changes.push(change),
    now: () => 1_000 + next,
    newTxnId: () => `t${++next}`,
    pause: (ms, signal) =>
      new Promise((resolve) => {
        pauses.push({ ms, resume: resolve });
        signal.addEventListener('abort', () => resolve());
        if (signal.aborted) resolve();
      }),
  });
  return { queue, store, changes, pauses, kinds: () => changes.map((change) => change.kind) };
};

const text = (body: string) => ({ roomId: '!r:x', type: 'm.room.message', content: { body } });

describe('SendQueue', () => {
  it('stores an event before it sends it, and forgets it once it is sent', async () => {
    let stored = 0;
    const store = memoryStore();
    const { queue, kinds } = makeQueue(async () => {
      stored = store.rows.size;
      return ok('$1');
    }, store);
    await queue.add(text('hello'));
    await settle(() => kinds().includes('sent'));
    expect(stored).toBe(1);
    expect(store.rows.size).toBe(0);
    expect(kinds()).toEqual(['added', 'sending', 'sent']);
  });

  it('sends one after another in a room, in the order they were written', async () => {
    const order: unknown[] = [];
    let running = 0;
    const { queue, kinds } = makeQueue(async (entry) => {
      running += 1;
      expect(running).toBe(1);
      await Promise.resolve();
      order.push(entry.content.body);
      running -= 1;
      return ok('$x');
    });
    await Promise.all([queue.add(text('one')), queue.add(text('two')), queue.add(text('three'))]);
    await settle(() => kinds().filter((kind) => kind === 'sent').length === 3);
    expect(order).toEqual(['one', 'two', 'three']);
  });

  it('waits and tries again after an outage, with growing pauses and the same transaction id', async () => {
    const txns: string[] = [];
    let up = false;
    const { queue, kinds, pauses } = makeQueue(async (entry) => {
      txns.push(entry.txnId);
      return up ? ok('$1') : fail({ kind: 'network', message: 'down' });
    });
    await queue.add(text('patient'));
    await settle(() => pauses.length === 1);
    pauses[0]?.resume();
    await settle(() => pauses.length === 2);
    expect(pauses.map(({ ms }) => ms)).toEqual([1_000, 2_000]);
    up = true;
    await queue.resume();
    await settle(() => kinds().includes('sent'));
    expect(new Set(txns).size).toBe(1);
  });

  it('tries again at once when it was woken during the try that failed', async () => {
    let tries = 0;
    const { queue, kinds, pauses } = makeQueue(async () => {
      tries += 1;
      if (tries > 1) return ok('$1');
      await queue.resume();
      return fail({ kind: 'network', message: 'down' });
    });
    await queue.add(text('hurry'));
    await settle(() => kinds().includes('sent'));
    expect(pauses).toHaveLength(1);
  });

  it('waits as long as the server asks', async () => {
    const { queue, pauses } = makeQueue(async () =>
      fail({ kind: 'http', status: 429, code: 'M_LIMIT_EXCEEDED', message: '', retryAfterMs: 7_000 }),
    );
    await queue.add(text('slowly'));
    await settle(() => pauses.length === 1);
    expect(pauses[0]?.ms).toBe(7_000);
    queue.stop();
  });

  it('lets those behind a refused one pass, and keeps it for the person to decide', async () => {
    const store = memoryStore();
    let forgiving = false;
    const { queue, kinds } = makeQueue(
      async (entry) =>
        entry.content.body === 'bad' && !forgiving
          ? fail({ kind: 'http', status: 403, code: 'M_FORBIDDEN', message: '' })
          : ok('$1'),
      store,
    );
    const bad = await queue.add(text('bad'));
    await queue.add(text('good'));
    await settle(() => kinds().includes('sent') && kinds().includes('failed'));
    expect([...store.rows.values()].map((entry) => [entry.state, entry.error])).toEqual([
      ['failed', 'M_FORBIDDEN'],
    ]);
    forgiving = true;
    await queue.retry(bad.txnId);
    await settle(() => store.rows.size === 0);
  });

  it('sends after a reload what was stored before it', async () => {
    const store = memoryStore();
    const before = makeQueue(async () => fail({ kind: 'network', message: 'down' }), store);
    await before.queue.add(text('survivor'));
    before.queue.stop();
    const sent: unknown[] = [];
    const after = makeQueue(async (entry) => {
      sent.push(entry.content.body);
      return ok('$1');
    }, store);
    expect((await after.queue.pending('!r:x')).map((entry) => entry.content.body)).toEqual(['survivor']);
    await after.queue.resume();
    await settle(() => sent.length === 1 && store.rows.size === 0);
  });

  it('drops what was cancelled, even while it is on its way', async () => {
    let finish: (outcome: SendOutcome) => void = () => undefined;
    const store = memoryStore();
    const { queue, kinds } = makeQueue(() => new Promise((resolve) => (finish = resolve)), store);
    const entry = await queue.add(text('never mind'));
    await settle(() => kinds().includes('sending'));
    await queue.cancel(entry.txnId);
    finish(fail({ kind: 'network', message: 'down' }));
    await settle(() => kinds().includes('removed'));
    expect(store.rows.size).toBe(0);
    expect(kinds()).not.toContain('waiting');
  });

  it('refuses more than it may hold', async () => {
    const rows = new Map<string, OutboxEntry>();
    for (let n = 0; n < limits.outbox; n += 1) {
      const txnId = `old${n}`;
      rows.set(txnId, {
        ...text('old'),
        txnId,
        kind: 'event',
        createdAt: n,
        attempts: 0,
        state: 'failed',
        error: 'M_FORBIDDEN',
      });
    }
    const { queue } = makeQueue(async () => ok('$1'), memoryStore(rows));
    await expect(queue.add(text('too much'))).rejects.toThrow(OutboxFull);
  });
});
