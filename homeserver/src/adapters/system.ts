import { randomBytes } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';

/** The system's clock. */
export const systemClock: Clock = { now: () => Date.now() };

/** The system's CSPRNG. */
export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

/** Milliseconds since the process started, never going backwards. For measuring, not for dating. */
export const monotonic = (): number => performance.now();
