import { describe, expect, it } from 'vitest';
import { fail, ok } from '../api/result.ts';
import type { Result } from '../api/result.ts';
import { syncSchema } from '../api/sync.ts';
import type { SyncResponse } from '../api/sync.ts';
import { backoffMs, runSyncLoop } from './loop.ts';
import type { SyncState } from './loop.ts';

const response = (token: string): SyncResponse => syncSchema.parse({ next_batch: token });

/** Runs the loop over scripted answers until they are used up. */
const run = async (
  answers: Result<SyncResponse>[],
  take: (response: SyncResponse) => Promise<void> = async () => undefined,
) => {
  const abort = new AbortController();
  const asked: { since: string | undefined; waitMs: number }[] = [];
  const states: SyncState[] = [];
  const pauses: number[] = [];
  const faults: unknown[] = [];
  const script = [...answers];
  await runSyncLoop(
    {
      fetch: async (since, waitMs) => {
        asked.push({ since, waitMs });
        const answer = script.shift();
        if (answer === undefined) abort.abort();
        return answer ?? fail({ kind: 'aborted', message: '' });
      },
      take,
      loadToken: async () => 's0',
      onState: (state) => states.push(state),
      now: () => 0,
      pause: async (ms) => void pauses.push(ms),
      random: () => 0.5,
      onFault: (error) => faults.push(error),
    },
    abort.signal,
  );
  return { asked, states: states.map((state) => state.kind), pauses, faults };
};

const down = fail({ kind: 'network', message: 'down' });

describe('runSyncLoop', () => {
  it('asks at once, then waits on the server, each time from what was stored', async () => {
    const { asked, states } = await run([ok(response('s1')), ok(response('s2'))]);
    expect(asked).toEqual([
      { since: 's0', waitMs: 0 },
      { since: 's1', waitMs: 30_000 },
      { since: 's2', waitMs: 30_000 },
    ]);
    expect(states).toEqual(['starting', 'live', 'stopped']);
  });

  it('asks for the same again when it could not be stored', async () => {
    let broken = true;
    const { asked, faults, pauses } = await run([ok(response('s1')), ok(response('s1'))], async () => {
      if (!broken) return;
      broken = false;
      throw new Error('disk full');
    });
    expect(asked.map(({ since }) => since)).toEqual(['s0', 's0', 's1']);
    expect(faults).toHaveLength(1);
    expect(pauses).toHaveLength(1);
  });

  it('says that it is offline, waits longer each time, and is live again by itself', async () => {
    const { states, pauses, asked } = await run([ok(response('s1')), down, down, down, ok(response('s2'))]);
    expect(states).toEqual(['starting', 'live', 'offline', 'offline', 'offline', 'live', 'stopped']);
    expect(pauses).toEqual([750, 1_500, 3_000]);
    // After a failure the first question is whether anybody is there: no long wait.
    expect(asked[2]).toEqual({ since: 's1', waitMs: 0 });
  });

  it('waits as long as the server asks, within a minute', async () => {
    const limited = (ms: number) =>
      fail({ kind: 'http', status: 429, code: 'M_LIMIT_EXCEEDED', message: '', retryAfterMs: ms });
    const { pauses } = await run([limited(5_000), limited(9_999_999)]);
    expect(pauses).toEqual([5_000, 60_000]);
  });

  it.each([
    [true, { soft_logout: true }],
    [false, {}],
  ])('ends with the session (soft: %s)', async (soft, body) => {
    const { states } = await run([
      fail({ kind: 'http', status: 401, code: 'M_UNKNOWN_TOKEN', message: '', body }),
      ok(response('never')),
    ]);
    expect(states).toEqual(['starting', 'signed-out']);
    expect(soft).toBe('soft_logout' in body);
  });

  it('goes on after answers of wrong shape and 5xx', async () => {
    const { states } = await run([
      fail({ kind: 'shape', message: 'no next_batch' }),
      fail({ kind: 'http', status: 502, message: '' }),
      ok(response('s1')),
    ]);
    expect(states).toEqual(['starting', 'offline', 'offline', 'live', 'stopped']);
  });
});

describe('backoffMs', () => {
  it('doubles to a minute, never less than half of its step', () => {
    expect([1, 2, 3, 20].map((failures) => backoffMs(failures, 0))).toEqual([500, 1_000, 2_000, 30_000]);
    expect(backoffMs(20, 0.999)).toBeLessThanOrEqual(60_000);
  });
});
