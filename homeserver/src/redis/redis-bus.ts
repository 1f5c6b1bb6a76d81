import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Bus } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';

const envelopeSchema = z.object({ from: z.string(), topic: z.string(), payload: z.unknown() });

export type RedisBusDeps = {
  /** Sends; fails fast. */
  readonly publisher: Redis;
  /** Receives; nothing else may use it. */
  readonly subscriber: Redis;
  /** Unique name of this process. */
  readonly processId: string;
  readonly channel: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

const PRESENCE_INTERVAL_MS = 3_000;
const PEER_TTL_MS = 10_000;
/** How soon after the connection came everybody has been heard who is there: a peer may find it a little later. */
const SETTLED_AFTER_MS = 5_000;
const HELLO = 'bus.hello';
const HERE = 'bus.here';

/**
 * Messages over one Redis channel. A process that is alone publishes nothing, so a single-process server pays nothing
 * for the bus: newcomers say hello when they subscribe, and everybody answers.
 */
export class RedisBus implements Bus, AsyncDisposable {
  readonly #deps: RedisBusDeps;
  readonly #handlers = new Map<string, Set<(payload: unknown) => void>>();
  readonly #connectionListeners = new Set<(connected: boolean) => void>();
  readonly #peers = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #connected = false;
  #connectedAt = 0;

  constructor(deps: RedisBusDeps) {
    this.#deps = deps;
    const { subscriber } = deps;
    subscriber.on('message', (_channel: string, message: string) => this.#receive(message));
    subscriber.on('ready', () => void this.#subscribe());
    subscriber.on('close', () => this.#setConnected(false));
    if (subscriber.status === 'ready') void this.#subscribe();
    this.#timer = setInterval(() => this.#send(HERE, null), PRESENCE_INTERVAL_MS);
    this.#timer.unref();
  }

  get connected(): boolean {
    return this.#connected;
  }

  get hasPeers(): boolean {
    const deadline = this.#deps.clock.now() - PEER_TTL_MS;
    for (const [peer, heard] of this.#peers) {
      if (heard >= deadline) return true;
      this.#peers.delete(peer);
    }
    return false;
  }

  get isAlone(): boolean {
    return (
      this.#connected &&
      this.#deps.clock.now() - this.#connectedAt >= SETTLED_AFTER_MS &&
      !(this.#peers.size > 0 && this.hasPeers)
    );
  }

  publish(topic: string, payload: unknown): void {
    if (this.#peers.size > 0 && this.hasPeers) this.#send(topic, payload);
  }

  subscribe(topic: string, handler: (payload: unknown) => void): Disposable {
    const handlers = this.#handlers.get(topic) ?? new Set();
    this.#handlers.set(topic, handlers);
    handlers.add(handler);
    return { [Symbol.dispose]: () => void handlers.delete(handler) };
  }

  onConnectionChange(listener: (connected: boolean) => void): Disposable {
    this.#connectionListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#connectionListeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#connectionListeners.clear();
    this.#handlers.clear();
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#deps.subscriber.subscribe(this.#deps.channel);
      this.#setConnected(true);
      this.#send(HELLO, null);
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'could not subscribe to the bus');
    }
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    if (connected) this.#connectedAt = this.#deps.clock.now();
    for (const listener of this.#connectionListeners) listener(connected);
  }

  #send(topic: string, payload: unknown): void {
    const { publisher, channel, processId } = this.#deps;
    if (publisher.status !== 'ready') return;
    publisher.publish(channel, JSON.stringify({ from: processId, topic, payload })).catch(() => undefined);
  }

  #receive(message: string): void {
    let envelope;
    try {
      envelope = envelopeSchema.parse(JSON.parse(message));
    } catch {
      this.#deps.logger.warn({ bytes: message.length }, 'malformed message on the bus');
      return;
    }
    const { from, topic, payload } = envelope;
    if (from === this.#deps.processId) return;
    this.#peers.set(from, this.#deps.clock.now());
    if (topic === HELLO) this.#send(HERE, null);
    for (const handler of this.#handlers.get(topic) ?? []) {
      try {
        handler(payload);
      } catch (error) {
        this.#deps.logger.error({ err: error, topic }, 'a bus handler failed');
      }
    }
  }
}
