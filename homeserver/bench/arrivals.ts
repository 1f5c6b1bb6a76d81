import { BenchError } from './matrix-client.ts';

/** A message that is not seen after this long will not be. */
const LIMIT_MS = 30_000;

/**
 * When events arrived at whoever waits for them, by event id: an answer that brings something else is no arrival, and
 * one that is a message behind would make every following one look instant.
 */
export class Arrivals {
  readonly #seen = new Map<string, number>();
  readonly #waiting = new Map<string, (at: number) => void>();

  /** Notes what an answer of /sync, or a frame of the socket, brought for a room. */
  read(answer: Readonly<Record<string, unknown>>, room: string): void {
    const at = performance.now();
    const { rooms } = answer as { rooms?: { join?: Record<string, { timeline?: Timeline }> } };
    this.note(rooms?.join?.[room]?.timeline?.events ?? [], at);
  }

  note(events: readonly Arrived[], at: number): void {
    for (const { event_id: id } of events) {
      this.#seen.set(id, at);
      this.#waiting.get(id)?.(at);
    }
  }

  /** The time at which the event arrived, on the clock of `performance.now()`. */
  async at(id: string): Promise<number> {
    const seen = this.#seen.get(id);
    if (seen !== undefined) return seen;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.set(id, resolve);
    const timer = setTimeout(() => reject(new BenchError(`${id} never arrived`)), LIMIT_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }
}

/** An event of a timeline, as far as it matters here. */
export type Arrived = { readonly event_id: string };
type Timeline = { readonly events?: readonly Arrived[] };

/** Long enough for a poll to have begun to wait. */
const SETTLE_MS = 8;
const WARM_UP = 20;

export type Waits = {
  /** Milliseconds from the answer to each send to its arrival; 0 for what arrived before its sender was answered. */
  readonly afterAnswer: number[];
  /** Milliseconds from the beginning of each send. */
  readonly afterSend: number[];
};

/** Sends messages one after another to somebody who waits, each when the one before has arrived. */
export const measureWaits = async (
  count: number,
  arrivals: Arrivals,
  send: (n: number) => Promise<string>,
): Promise<Waits> => {
  const waits: Waits = { afterAnswer: [], afterSend: [] };
  for (let n = 0; n < count + WARM_UP; n++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const began = performance.now();
    const id = await send(n);
    const answered = performance.now();
    const at = await arrivals.at(id);
    if (n < WARM_UP) continue;
    waits.afterAnswer.push(Math.max(0, at - answered));
    waits.afterSend.push(at - began);
  }
  return waits;
};
