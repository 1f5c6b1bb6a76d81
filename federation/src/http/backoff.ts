/** How long a peer that failed is left alone. */
export type BackoffPolicy = {
  /** Milliseconds after the first failure. */
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** Part of the wait that is random, 0 to 1: peers that failed together must not return together. */
  readonly jitter: number;
};

/** Ten seconds, doubling up to a day. */
export const DEFAULT_BACKOFF: BackoffPolicy = {
  firstMs: 10_000,
  factor: 2,
  maxMs: 24 * 60 * 60 * 1000,
  jitter: 0.3,
};

/** What is known of a failing peer; no state at all means that it is healthy. */
export type BackoffState = {
  readonly failures: number;
  /** Milliseconds since the epoch of the first of these failures. */
  readonly since: number;
  /** Milliseconds since the epoch before which it is not tried again. */
  readonly retryAt: number;
};

/**
 * The state after one more failure.
 *
 * @param now milliseconds since the epoch
 * @param random in [0, 1)
 * @param askedMs what the peer asked for with `Retry-After`: never waited less, and never more than the maximum
 */
export function afterFailure(
  state: BackoffState | undefined,
  now: number,
  random: number,
  policy: BackoffPolicy = DEFAULT_BACKOFF,
  askedMs = 0,
): BackoffState {
  const failures = (state?.failures ?? 0) + 1;
  const full = Math.min(policy.maxMs, policy.firstMs * policy.factor ** Math.min(failures - 1, 64));
  const wait = Math.max(full * (1 - policy.jitter * random), Math.min(askedMs, policy.maxMs));
  return { failures, since: state?.since ?? now, retryAt: now + Math.round(wait) };
}

/** Whether the peer may be tried now. */
export function mayTry(state: BackoffState | undefined, now: number): boolean {
  return state === undefined || now >= state.retryAt;
}

/**
 * A circuit breaker around one peer: it opens after `threshold` failures in a row, then lets a single trial through
 * per waiting time, and closes on the first success. Pure: the caller keeps the state.
 */
export type Circuit =
  | { readonly state: 'closed'; readonly failures: number }
  | { readonly state: 'open'; readonly backoff: BackoffState }
  | { readonly state: 'half-open'; readonly backoff: BackoffState; readonly trialUntil: number };

export const CLOSED: Circuit = { state: 'closed', failures: 0 };

/** Failures in a row that open a circuit: one lost connection is no outage. */
export const CIRCUIT_THRESHOLD = 3;

/**
 * Asks for permission to send.
 *
 * @param trialMs how long a trial may take before another one is let through
 * @returns the permission and the state to keep
 */
export function tryCircuit(
  circuit: Circuit,
  now: number,
  trialMs = 60_000,
): { readonly allowed: boolean; readonly circuit: Circuit } {
  if (circuit.state === 'closed') return { allowed: true, circuit };
  const waiting = circuit.state === 'open' ? !mayTry(circuit.backoff, now) : now < circuit.trialUntil;
  if (waiting) return { allowed: false, circuit };
  return {
    allowed: true,
    circuit: { state: 'half-open', backoff: circuit.backoff, trialUntil: now + trialMs },
  };
}

/** The state after a failed request. */
export function failCircuit(
  circuit: Circuit,
  now: number,
  random: number,
  policy: BackoffPolicy = DEFAULT_BACKOFF,
  askedMs = 0,
): Circuit {
  if (circuit.state === 'open') {
    // Sent before it opened: of one outage many requests fail at once, and together they say no more than the first.
    const retryAt = Math.max(circuit.backoff.retryAt, now + Math.min(askedMs, policy.maxMs));
    return { state: 'open', backoff: { ...circuit.backoff, retryAt } };
  }
  if (circuit.state === 'half-open')
    return { state: 'open', backoff: afterFailure(circuit.backoff, now, random, policy, askedMs) };
  const failures = circuit.failures + 1;
  if (failures < CIRCUIT_THRESHOLD && askedMs === 0) return { state: 'closed', failures };
  return { state: 'open', backoff: afterFailure(undefined, now, random, policy, askedMs) };
}
