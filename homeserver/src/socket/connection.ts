import type { IncomingMessage } from 'node:http';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { RawData, WebSocket } from 'ws';
import { Bell } from '../domain/sync/bell.ts';
import { DomainError } from '../domain/errors.ts';
import { parseSyncToken, type SyncPlace } from '../domain/sync/sync-token.ts';
import { readSyncFilter } from '../http/client/sync/read-filter.ts';
import type { SyncObserver } from '../http/client/sync/sync.ts';
import type { FilterStore } from '../ports/accounts.ts';
import type { Authenticator, Requester, SessionWatch } from '../ports/authenticator.ts';
import type { Logger } from '../ports/logger.ts';
import { CLOSE_CODES, SocketClosed, type CloseDetails, type CloseReason } from './close-codes.ts';
import { FrameBudget } from './frame-budget.ts';
import { FrameSender } from './frame-sender.ts';
import {
  ackSchema,
  authSchema,
  parseFrame,
  requireFrame,
  setPresenceSchema,
  syncSchema,
  type ClientFrame,
  type FrameId,
} from './frames.ts';
import { SocketSession, TokenExpired } from './handlers/auth.ts';
import { cryptoCall } from './handlers/crypto.ts';
import { messageCall } from './handlers/message.ts';
import { presenceCall } from './handlers/presence.ts';
import type { HubMember, SocketHub } from './hub.ts';
import {
  MAX_FIRST_FRAME_BYTES,
  MAX_FRAME_BYTES,
  MAX_INBOUND,
  MAX_UNACKNOWLEDGED,
  type SocketTiming,
} from './limits.ts';
import { NewsFeed, type NewsFeedDeps } from './news-feed.ts';
import type { OperationCall, SocketOperations } from './operations.ts';
import { RequestQueue } from './request-queue.ts';

export type ConnectionDeps = {
  readonly authenticator: Authenticator & SessionWatch;
  readonly operations: SocketOperations;
  readonly news: NewsFeedDeps;
  readonly filters: FilterStore;
  readonly observer: SyncObserver;
  readonly hub: SocketHub;
  readonly timing: SocketTiming;
  /** Whether frames are counted. */
  readonly isLimited: boolean;
  readonly monotonic: () => number;
  readonly logger: Logger;
};

/** How often a connection looks after itself: heartbeats, silence, the token. Part of a heartbeat. */
const TICKS_PER_HEARTBEAT = 5;
/** How long the last words may take, and then the closing handshake. */
const FAREWELL_MS = 1_000;
const HANDSHAKE_MS = 2_000;
const RETRY_MS = 5_000;

/** One client at one socket (docs/socket.md). */
export class SocketConnection implements HubMember {
  readonly address: string;
  readonly ended: Promise<void>;
  readonly #socket: WebSocket;
  readonly #upgrade: IncomingMessage;
  readonly #deps: ConnectionDeps;
  readonly #sender: FrameSender;
  readonly #session: SocketSession;
  readonly #budget: FrameBudget;
  readonly #requests = new RequestQueue();
  readonly #gone = new AbortController();
  readonly #renewed = new Bell();
  readonly #resources = new DisposableStack();
  /** Frames are dealt with in their order; what they set off may overlap. */
  #turn: Promise<void> = Promise.resolve();
  #inbound = 0;
  /**
   * Ticks since something was heard. Ticks, not time: what stops this process for a while, and its ticks with it, says
   * nothing of the client.
   */
  #unheardTicks = 0;
  #isClosing = false;
  #grace: NodeJS.Timeout | undefined;
  #feed: NewsFeed | undefined;
  #presence: 'online' | 'unavailable' | 'offline' = 'online';

  constructor(socket: WebSocket, upgrade: IncomingMessage, address: string, deps: ConnectionDeps) {
    const { monotonic, authenticator } = deps;
    this.#socket = socket;
    this.#upgrade = upgrade;
    this.#deps = deps;
    this.address = address;
    this.#sender = new FrameSender(socket, monotonic);
    this.#budget = new FrameBudget(monotonic);
    this.#session = new SocketSession(authenticator, {
      ip: address,
      userAgent: upgrade.headers['user-agent'],
    });
    this.ended = new Promise((resolve) => {
      socket.once('close', (code: number) => {
        this.#end(code);
        resolve();
      });
    });
  }

  /** @param token of the upgrade's header, if it had one. */
  start(token: string | undefined): void {
    const { timing, hub } = this.#deps;
    const socket = this.#socket;
    hub.add(this);
    // What goes wrong on the wire ends in `close`.
    socket.on('error', () => undefined);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => this.#hear());
    const ticker = setInterval(() => this.#tick(), timing.heartbeatMs / TICKS_PER_HEARTBEAT).unref();
    this.#resources.defer(() => clearInterval(ticker));
    const deadline = setTimeout(() => {
      if (this.#session.requester === undefined) this.close('auth_timeout', { error: 'auth did not come' });
    }, timing.authMs).unref();
    this.#resources.defer(() => clearTimeout(deadline));
    if (token !== undefined) this.#inTurn(() => this.#authenticate(token, undefined));
  }

  close(reason: CloseReason, details: CloseDetails): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#gone.abort();
    this.#requests.clear();
    const code = CLOSE_CODES[reason];
    this.#sender.send({ type: 'bye', code, reason, ...details });
    void this.#sender.drained(1, AbortSignal.timeout(FAREWELL_MS)).then(() => {
      this.#socket.close(code, reason);
      const timer = setTimeout(() => this.#socket.terminate(), HANDSHAKE_MS).unref();
      this.#socket.once('close', () => clearTimeout(timer));
    });
    this.#log(reason);
  }

  #log(reason: CloseReason): void {
    const { userId, deviceId } = this.#session.requester ?? {};
    this.#deps.logger.info(
      { reason, ip: this.address, requester: userId, device: deviceId },
      'closing socket',
    );
  }

  #end(code: number): void {
    this.#isClosing = true;
    this.#gone.abort();
    this.#requests.clear();
    clearTimeout(this.#grace);
    this.#resources.dispose();
    const { requester } = this.#session;
    this.#deps.hub.remove(this, requester);
    this.#deps.logger.debug({ code, ip: this.address, requester: requester?.userId }, 'socket closed');
  }

  #hear(): void {
    this.#unheardTicks = 0;
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#isClosing) return;
    this.#hear();
    if (isBinary || !Buffer.isBuffer(data)) {
      this.close('binary_frame', { error: 'Frames are text' });
      return;
    }
    if (this.#session.requester === undefined && data.length > MAX_FIRST_FRAME_BYTES) {
      this.close('frame_too_large', { errcode: 'M_TOO_LARGE', error: 'The frame is too large before ready' });
      return;
    }
    try {
      const frame = parseFrame(data);
      if (!this.#isRefused(frame)) this.#inTurn(() => this.#handle(frame));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether the frame is one too many; those that keep the connection going are taken nevertheless. */
  #isRefused({ id, type }: ClientFrame): boolean {
    if (!this.#deps.isLimited) return false;
    const verdict = this.#budget.take();
    if (verdict.kind === 'close') {
      throw new SocketClosed('rate_limited', {
        errcode: 'M_LIMIT_EXCEEDED',
        error: 'Too many frames',
        retry_after_ms: RETRY_MS,
      });
    }
    if (verdict.kind === 'ok' || type === 'auth' || type === 'sync' || type === 'ack') return false;
    this.#refuse(
      id,
      new DomainError('limit_exceeded', 'Too many frames', { retryAfterMs: verdict.retryAfterMs }),
    );
    return true;
  }

  /** Runs after what came before it; while much waits, nothing more is read. */
  #inTurn(run: () => Promise<void> | void): void {
    this.#inbound += 1;
    if (this.#inbound === MAX_INBOUND) this.#socket.pause();
    this.#turn = this.#turn
      .then(() => (this.#isClosing ? undefined : run()))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#inbound -= 1;
        if (this.#inbound < MAX_INBOUND && this.#socket.isPaused) this.#socket.resume();
      });
  }

  async #handle(frame: ClientFrame): Promise<void> {
    const { id, type } = frame;
    if (type === 'auth') {
      await this.#authenticate(requireFrame(authSchema, frame).access_token, id);
      return;
    }
    const { requester } = this.#session;
    if (requester === undefined) throw new SocketClosed('bad_frame', { error: 'auth comes first' });
    switch (type) {
      case 'sync':
        await this.#sync(frame, requester);
        return;
      case 'ack':
        await this.#feed?.acknowledge(requireFrame(ackSchema, frame).next_batch);
        return;
      case 'ping':
        this.#sender.send({ type: 'pong', ...(id === undefined ? {} : { id }) });
        return;
      case 'set_presence':
        this.#presence = requireFrame(setPresenceSchema, frame).set_presence;
        this.#deps.observer.synced(requester.userId as UserId, this.#presence);
        this.#reply(id, {});
        return;
      default:
        this.#request(frame, requester);
    }
  }

  async #authenticate(token: string, id: FrameId): Promise<void> {
    const { hub, authenticator, timing } = this.#deps;
    const isFirst = this.#session.requester === undefined;
    const requester = await this.#session.begin(token);
    if (this.#gone.signal.aborted) {
      // It went away while its token was looked up: it is counted under nobody.
      return;
    }
    const { userId, deviceId } = requester;
    if (isFirst) {
      hub.identify(this, requester);
      this.#resources.use(authenticator.watch(userId, () => void this.#recheck()));
    }
    clearTimeout(this.#grace);
    this.#grace = undefined;
    this.#renewed.ring();
    this.#sender.send({
      type: 'ready',
      ...(id === undefined ? {} : { id }),
      user_id: userId,
      device_id: deviceId,
      heartbeat_ms: timing.heartbeatMs,
      max_frame_bytes: MAX_FRAME_BYTES,
      max_unacknowledged: MAX_UNACKNOWLEDGED,
    });
  }

  async #sync(frame: ClientFrame, { userId, deviceId }: Requester): Promise<void> {
    const { filters, news, observer } = this.#deps;
    const asked = requireFrame(syncSchema, frame);
    if (this.#feed !== undefined) {
      this.#refuse(frame.id, new DomainError('invalid_param', 'sync has begun already'));
      return;
    }
    const user = userId as UserId;
    const since = place(asked.since);
    const { filter: given } = asked;
    const text = typeof given === 'object' ? JSON.stringify(given) : given;
    let filter;
    try {
      filter = await readSyncFilter(text, user, filters);
    } catch (error) {
      this.#refuse(frame.id, error);
      return;
    }
    this.#reply(frame.id, {});
    this.#presence = asked.set_presence;
    observer.synced(user, asked.set_presence);
    const look = {
      user,
      device: deviceId,
      filter,
      fullState: asked.full_state,
      useStateAfter: asked.use_state_after,
      signal: this.#gone.signal,
    };
    const permitted = () => this.#permitted();
    this.#feed = new NewsFeed(news, { look, since, sender: this.#sender, permitted });
    this.#feed.run().catch((error: unknown) => this.#fail(error));
  }

  #request(frame: ClientFrame, { userId }: Requester): void {
    let call: OperationCall | undefined;
    try {
      call = messageCall(frame) ?? presenceCall(frame, userId) ?? cryptoCall(frame);
      if (call === undefined) throw new DomainError('unrecognized', 'Unrecognized type of frame');
      const asked = call;
      if (!this.#requests.add(call.lane, () => this.#run(asked, frame))) {
        throw new DomainError('limit_exceeded', 'Too many requests at once', { retryAfterMs: RETRY_MS });
      }
    } catch (error) {
      this.#refuse(frame.id, error);
    }
  }

  async #run(call: OperationCall, { id, bytes }: ClientFrame): Promise<void> {
    let requester;
    try {
      requester = await this.#session.check();
    } catch (error) {
      if (error instanceof TokenExpired) {
        this.#refuse(
          id,
          new DomainError('unknown_token', 'The access token has expired', { fields: { soft_logout: true } }),
        );
      }
      this.#fail(error);
      return;
    }
    const caller = { requester, ip: this.address, upgrade: this.#upgrade, signal: this.#gone.signal };
    const outcome = await this.#deps.operations.run(call, caller, bytes);
    if (this.#isClosing) return;
    if (outcome.ok) this.#reply(id, outcome.body);
    else this.#sender.send({ type: 'error', ...(id === undefined ? {} : { id }), ...outcome.error });
  }

  #reply(id: FrameId, body: unknown): void {
    if (id !== undefined) this.#sender.send({ type: 'reply', id, body });
  }

  #refuse(id: FrameId, thrown: unknown): void {
    const { status, error } = this.#deps.operations.describe(thrown);
    this.#sender.send({ type: 'error', ...(id === undefined ? {} : { id }), status, ...error });
  }

  /** Waits for a new token when this one has expired; throws when there can be none. */
  async #permitted(): Promise<void> {
    while (!this.#gone.signal.aborted) {
      this.#renewed.reset();
      try {
        await this.#session.check();
        return;
      } catch (error) {
        if (!(error instanceof TokenExpired)) throw error;
      }
      this.#expire();
      await this.#renewed.wait(undefined, this.#gone.signal);
    }
  }

  #expire(): void {
    if (this.#grace !== undefined) return;
    const { graceMs } = this.#deps.timing;
    const details = {
      errcode: 'M_UNKNOWN_TOKEN',
      error: 'The access token has expired',
      soft_logout: true,
    };
    this.#grace = setTimeout(() => this.close('token_expired', details), graceMs).unref();
    this.#sender.send({ type: 'reauth', soft_logout: true, grace_ms: graceMs });
  }

  async #recheck(): Promise<void> {
    try {
      await this.#session.check();
    } catch (error) {
      this.#fail(error);
    }
  }

  #tick(): void {
    if (this.#isClosing) return;
    const { timing, monotonic, observer } = this.#deps;
    const { heartbeatMs, stallMs } = timing;
    this.#unheardTicks += 1;
    if (this.#sender.stalledMs > stallMs) {
      this.close('slow_consumer', { error: 'The client takes nothing' });
      return;
    }
    if (this.#unheardTicks > 2 * TICKS_PER_HEARTBEAT) {
      this.close('no_heartbeat', { error: 'Nothing was heard from the client' });
      return;
    }
    const isQuiet = monotonic() - this.#sender.sentAt >= heartbeatMs;
    if (isQuiet) this.#sender.send({ type: 'heartbeat' });
    if (isQuiet || this.#unheardTicks >= TICKS_PER_HEARTBEAT) this.#socket.ping();
    const { requester } = this.#session;
    if (requester === undefined) return;
    if (this.#feed !== undefined) observer.synced(requester.userId as UserId, this.#presence);
    void this.#recheck();
  }

  #fail(error: unknown): void {
    if (this.#isClosing || this.#gone.signal.aborted) return;
    if (error instanceof TokenExpired) {
      this.#expire();
      return;
    }
    if (error instanceof SocketClosed) {
      this.close(error.reason, error.details);
      return;
    }
    const { status } = this.#deps.operations.describe(error);
    if (status === 503) {
      const details = { error: 'The server cannot reach its storage', retry_after_ms: RETRY_MS };
      this.close('try_again_later', details);
      return;
    }
    this.#deps.logger.error({ err: error, requester: this.#session.requester?.userId }, 'a socket failed');
    this.close('internal', { errcode: 'M_UNKNOWN', error: 'Internal server error' });
  }
}

const place = (since: string | undefined): SyncPlace | undefined => {
  if (since === undefined) return undefined;
  try {
    return parseSyncToken(since);
  } catch {
    throw new SocketClosed('unknown_since', { errcode: 'M_UNKNOWN_POS', error: 'Unknown token' });
  }
};
