import * as z from 'zod/mini';
import { syncSchema } from '../api/sync.ts';
import type { SyncResponse } from '../api/sync.ts';

/** One WebSocket of the platform, reduced to what is used here. */
export interface Socket {
  send(text: string): void;
  close(): void;
}

/** Opens sockets. The handlers are called in order, and none after `closed`. */
export interface SocketPort {
  open(
    url: string,
    protocol: string,
    on: { opened: () => void; text: (text: string) => void; closed: (code: number) => void },
  ): Socket;
}

/** Why a socket ended, as far as it matters for what to do next (docs/socket.md, "Close codes"). */
export type SocketEnd =
  /** Connect again, not before this many milliseconds when the server said so. */
  | { kind: 'again'; afterMs: number | undefined }
  /** The server has none, or does not understand us: `/sync` from now on. */
  | { kind: 'never' }
  /** `/sync` knows better what is wrong: the session, or the token of the news. */
  | { kind: 'ask' };

const keyStock = z.object({
  device_one_time_keys_count: z.record(z.string(), z.number()),
  device_unused_fallback_key_types: z.catch(z.optional(z.array(z.string())), undefined),
});

/** How many keys of this device the server still has to hand out, as in `/sync`. */
export type KeyStock = z.output<typeof keyStock>;

export type SyncSocketPorts = {
  sockets: SocketPort;
  /** `wss://...` address of the socket. */
  url: string;
  /** A token that is good for now: renewed first where it is about to end. */
  freshToken: () => Promise<string | undefined>;
  filter: unknown;
  /** The server runs out of this device's keys, between two deltas. */
  onKeyStock: (stock: KeyStock) => void;
  /** Runs after `ms`; answers how to call it off. */
  after: (ms: number, run: () => void) => () => void;
  random: () => number;
};

const protocol = 'chat.nyx.socket.v1';
const connectMs = 10_000;
const pingMs = 5_000;
const defaultHeartbeatMs = 25_000;
/** A server that goes away spreads its clients over this time. */
const goingAwayMs = 2_000;
/** Most deltas that wait to be stored; the server keeps fewer on their way. */
const maxWaiting = 64;

const frame = z.looseObject({
  type: z.string(),
  id: z.optional(z.union([z.string(), z.number()])),
  body: z.optional(z.unknown()),
  heartbeat_ms: z.catch(z.optional(z.number()), undefined),
  retry_after_ms: z.catch(z.optional(z.number()), undefined),
});

const authId = 1;
const syncId = 2;

const endOf = (
  code: number,
  wasReady: boolean,
  retryAfterMs: number | undefined,
  random: number,
): SocketEnd => {
  switch (code) {
    case 1001:
      return { kind: 'again', afterMs: retryAfterMs ?? goingAwayMs * random };
    case 1003:
    case 1007:
    case 4000:
    case 4007:
    case 4010:
      return { kind: 'never' };
    case 4001:
    case 4002:
    case 4003:
    case 4009:
      return { kind: 'ask' };
    default:
      // An upgrade that was refused looks like a broken connection: `wasReady` tells them apart.
      return { kind: 'again', afterMs: wasReady ? (retryAfterMs ?? 0) : retryAfterMs };
  }
};

/** One connection that brings the news after `since` (docs/socket.md). Ends once; another one goes on from there. */
export class SyncSocket {
  readonly #ports: SyncSocketPorts;
  readonly #since: string | undefined;
  readonly #socket: Socket;
  readonly #deltas: SyncResponse[] = [];
  #wake: (() => void) | undefined;
  #ready = false;
  #heartbeatMs = defaultHeartbeatMs;
  #retryAfterMs: number | undefined;
  #callOff: () => void;
  end: SocketEnd | undefined;

  constructor(ports: SyncSocketPorts, since: string | undefined) {
    this.#ports = ports;
    this.#since = since;
    this.#callOff = ports.after(connectMs, () => this.#drop());
    this.#socket = ports.sockets.open(ports.url, protocol, {
      opened: () => void this.#authenticate(),
      text: (text) => this.#take(text),
      closed: (code) => this.#finish(endOf(code, this.#ready, this.#retryAfterMs, ports.random())),
    });
  }

  /** The server has taken the token: this is a socket that works. */
  get ready(): boolean {
    return this.#ready;
  }

  /** The next delta, or undefined when there is none any more: `end` says why. */
  async next(): Promise<SyncResponse | undefined> {
    for (;;) {
      const delta = this.#deltas.shift();
      if (delta !== undefined || this.end !== undefined) return delta;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Everything up to this token is stored. */
  acknowledge(nextBatch: string): void {
    this.#send({ type: 'ack', next_batch: nextBatch });
  }

  /** The network changed or the machine woke up: find out soon whether anybody is there. */
  ping(): void {
    if (this.end !== undefined || !this.#ready) return;
    this.#send({ type: 'ping' });
    this.#callOff();
    this.#callOff = this.#ports.after(pingMs, () => this.#drop());
  }

  close(): void {
    this.#drop();
  }

  #send(value: object): void {
    if (this.end === undefined) this.#socket.send(JSON.stringify(value));
  }

  /** Gives the connection up from this side. */
  #drop(): void {
    this.#socket.close();
    this.#finish({ kind: 'again', afterMs: undefined });
  }

  #finish(end: SocketEnd): void {
    if (this.end !== undefined) return;
    this.end = end;
    this.#callOff();
    this.#wake?.();
  }

  async #authenticate(): Promise<void> {
    const token = await this.#ports.freshToken();
    if (token === undefined) this.#drop();
    else this.#send({ type: 'auth', id: authId, access_token: token });
  }

  #heard(): void {
    this.#callOff();
    this.#callOff = this.#ports.after(2 * this.#heartbeatMs, () => this.#drop());
  }

  #take(text: string): void {
    if (this.end !== undefined) return;
    const parsed = frame.safeParse(parse(text));
    // Not ours to understand: unknown and unreadable frames are passed over, as the protocol says.
    if (!parsed.success) return;
    const { type, id, body, heartbeat_ms: heartbeat, retry_after_ms: retryAfterMs } = parsed.data;
    if (heartbeat !== undefined && heartbeat >= 1_000) this.#heartbeatMs = heartbeat;
    this.#heard();
    switch (type) {
      case 'ready':
        if (!this.#ready) {
          this.#send({
            type: 'sync',
            id: syncId,
            ...(this.#since === undefined ? {} : { since: this.#since }),
            filter: this.#ports.filter,
          });
        }
        this.#ready = true;
        return;
      case 'sync':
        this.#delta(body);
        return;
      case 'crypto': {
        const stock = keyStock.safeParse(parsed.data);
        if (stock.success) this.#ports.onKeyStock(stock.data);
        return;
      }
      case 'reauth':
        void this.#authenticate();
        return;
      case 'bye':
        this.#retryAfterMs = retryAfterMs;
        return;
      case 'error':
        // The first two frames failing leaves nothing to wait for.
        if (id === authId || id === syncId) {
          this.#socket.close();
          this.#finish({ kind: 'ask' });
        }
        return;
      default:
        return;
    }
  }

  #delta(body: unknown): void {
    const parsed = syncSchema.safeParse(body);
    if (!parsed.success || this.#deltas.length >= maxWaiting) {
      this.#socket.close();
      this.#finish({ kind: 'never' });
      return;
    }
    this.#deltas.push(parsed.data);
    this.#wake?.();
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
