import { LRUCache } from 'lru-cache';
import type { BackoffPolicy, Circuit } from './backoff.ts';
import { CLOSED, DEFAULT_BACKOFF, failCircuit, tryCircuit } from './backoff.ts';
import { FederationError, RemoteError } from './errors.ts';
import { MAX_REMEMBERED_SERVERS } from './limits.ts';

/** Remembers which peers fail, so that nobody waits for a dead one, and a struggling one gets rest. */
export class PeerHealth {
  readonly #circuits = new LRUCache<string, Circuit>({ max: MAX_REMEMBERED_SERVERS });
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #policy: BackoffPolicy;

  /**
   * @param now milliseconds since the epoch
   * @param random in [0, 1)
   */
  constructor(now: () => number, random: () => number, policy: BackoffPolicy = DEFAULT_BACKOFF) {
    this.#now = now;
    this.#random = random;
    this.#policy = policy;
  }

  /** Throws BACKING_OFF when it is too early to try the peer. */
  enter(destination: string): void {
    const { allowed, circuit } = tryCircuit(this.#circuits.get(destination) ?? CLOSED, this.#now());
    if (!allowed) throw new FederationError('BACKING_OFF', destination, 'not tried again yet');
    if (circuit !== CLOSED) this.#circuits.set(destination, circuit);
  }

  /** The peer answered, or spoke to us. */
  succeeded(destination: string): void {
    this.#circuits.delete(destination);
  }

  /** Takes a failed request into account. An error answer below 500 shows a live peer. */
  failed(destination: string, error: unknown): void {
    if (!isPeerFailure(error)) {
      this.succeeded(destination);
      return;
    }
    const asked = error instanceof RemoteError ? (error.retryAfterMs ?? 0) : 0;
    const circuit = this.#circuits.get(destination) ?? CLOSED;
    this.#circuits.set(destination, failCircuit(circuit, this.#now(), this.#random(), this.#policy, asked));
  }

  /** Milliseconds since the epoch at which the peer is tried again, or undefined when it may be tried now. */
  retryAt(destination: string): number | undefined {
    const circuit = this.#circuits.get(destination);
    return circuit === undefined || circuit.state === 'closed' ? undefined : circuit.backoff.retryAt;
  }
}

/** Whether an error says that the peer, rather than this request, is at fault. */
export function isPeerFailure(error: unknown): boolean {
  if (error instanceof RemoteError) return error.status >= 500 || error.status === 429;
  if (!(error instanceof FederationError)) return false;
  return error.code === 'UNREACHABLE' || error.code === 'TIMEOUT' || error.code === 'TOO_LARGE';
}
