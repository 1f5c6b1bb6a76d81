import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Circuit } from './backoff.ts';
import {
  afterFailure,
  CIRCUIT_THRESHOLD,
  CLOSED,
  DEFAULT_BACKOFF,
  failCircuit,
  mayTry,
  tryCircuit,
} from './backoff.ts';

const policy = { firstMs: 1000, factor: 2, maxMs: 60_000, jitter: 0 };

describe('backoff', () => {
  test('doubles from the first wait to the longest', () => {
    let state = afterFailure(undefined, 0, 0, policy);
    const waits = [state.retryAt];
    for (let index = 0; index < 8; index++) {
      state = afterFailure(state, 0, 0, policy);
      waits.push(state.retryAt);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(state.failures).toBe(9);
  });

  test('jitter shortens, never lengthens', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 0, max: 10_000 }),
        (random, failures) => {
          const state = afterFailure({ failures, since: 0, retryAt: 0 }, 0, random, DEFAULT_BACKOFF);
          const full = afterFailure({ failures, since: 0, retryAt: 0 }, 0, 0, DEFAULT_BACKOFF);
          expect(state.retryAt).toBeLessThanOrEqual(full.retryAt);
          expect(state.retryAt).toBeGreaterThanOrEqual(Math.floor(full.retryAt * 0.7));
          expect(full.retryAt).toBeLessThanOrEqual(DEFAULT_BACKOFF.maxMs);
        },
      ),
    );
  });

  test('waits at least what the peer asks for, within the maximum', () => {
    expect(afterFailure(undefined, 5, 0, policy, 30_000).retryAt).toBe(30_005);
    expect(afterFailure(undefined, 0, 0, policy, 1e12).retryAt).toBe(60_000);
  });

  test('keeps when the trouble began', () => {
    const first = afterFailure(undefined, 7, 0, policy);
    expect(afterFailure(first, 99, 0, policy).since).toBe(7);
  });

  test('a peer may be tried at the moment it comes due', () => {
    const state = afterFailure(undefined, 0, 0, policy);
    expect(mayTry(state, 999)).toBe(false);
    expect(mayTry(state, 1000)).toBe(true);
    expect(mayTry(undefined, 0)).toBe(true);
  });
});

describe('the circuit breaker', () => {
  const broken = () => {
    let circuit: Circuit = CLOSED;
    for (let index = 0; index < CIRCUIT_THRESHOLD; index++) circuit = failCircuit(circuit, 0, 0, policy);
    return circuit;
  };

  test('opens after failures in a row, not after one', () => {
    expect(failCircuit(CLOSED, 0, 0, policy).state).toBe('closed');
    expect(broken().state).toBe('open');
  });

  test('opens at once when the peer asks to be left alone', () => {
    expect(failCircuit(CLOSED, 0, 0, policy, 5000)).toMatchObject({
      state: 'open',
      backoff: { retryAt: 5000 },
    });
  });

  test('lets one trial through when the wait is over', () => {
    const circuit = broken();
    expect(tryCircuit(circuit, 999).allowed).toBe(false);
    const trial = tryCircuit(circuit, 1000, 500);
    expect(trial.allowed).toBe(true);
    expect(tryCircuit(trial.circuit, 1001, 500).allowed).toBe(false);
    // A trial that never reported back does not block the peer for ever.
    expect(tryCircuit(trial.circuit, 1500, 500).allowed).toBe(true);
  });

  test('does not count what was under way when it opened', () => {
    let circuit = broken();
    for (let index = 0; index < 20; index++) circuit = failCircuit(circuit, 1, 0, policy);
    expect(circuit).toEqual(broken());
    expect(failCircuit(circuit, 1, 0, policy, 5000)).toMatchObject({
      backoff: { failures: 1, retryAt: 5001 },
    });
  });

  test('a failed trial waits longer', () => {
    const { circuit } = tryCircuit(broken(), 1000);
    expect(failCircuit(circuit, 1000, 0, policy)).toMatchObject({
      state: 'open',
      backoff: { failures: 2, retryAt: 3000 },
    });
  });
});
