/** An engine together with the little that a page does for it: performs its requests, syncs, sends and reads. */
import { EngineHost, type HostPorts } from '../engine/engine-host.ts';
import type { DecryptResult, MatrixEvent } from '../engine/events.ts';
import type { EngineNotice } from '../engine/protocol/notices.ts';
import type { OutgoingRequest } from '../engine/protocol/sync.ts';
import { systemRandom, type Random } from '../primitives/random.ts';
import type { RecordStore } from '../../vault/record-store.ts';
import { webCryptoDeviceKeys } from '../../vault/webcrypto-device-key.ts';
import { MemoryStore } from './memory-store.ts';
import { SimError, type SimServer } from './sim-server.ts';

export const TEST_COST = { passes: 1, memoryKiB: 64 };
export const PASSPHRASE = 'correct horse';

/** Time that moves only when a test says so. */
export class SimClock {
  now = Date.UTC(2026, 5, 1);
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Moves on and runs what is due. */
  advance(ms: number): void {
    this.now += ms;
    for (const timer of [...this.#timers])
      if (timer.at <= this.now && this.#timers.delete(timer)) timer.run();
  }
}

export type SimOptions = {
  readonly store?: RecordStore;
  readonly random?: Random;
  readonly openStore?: () => Promise<RecordStore>;
};

export class SimClient {
  readonly userId: string;
  readonly deviceId: string;
  readonly server: SimServer;
  readonly clock: SimClock;
  readonly host: EngineHost;
  readonly store: RecordStore;
  readonly notices: EngineNotice[] = [];
  readonly #todo: OutgoingRequest[] = [];
  online = true;

  constructor(
    server: SimServer,
    clock: SimClock,
    userId: string,
    deviceId: string,
    options: SimOptions = {},
  ) {
    this.server = server;
    this.clock = clock;
    this.userId = userId;
    this.deviceId = deviceId;
    this.store = options.store ?? new MemoryStore();
    const random = options.random ?? systemRandom;
    const ports: HostPorts = {
      openStore: options.openStore ?? (() => Promise.resolve(this.store)),
      deviceKeys: webCryptoDeviceKeys(crypto.subtle, random),
      random,
      now: () => clock.now,
      cost: TEST_COST,
      after: clock.after,
      yieldNow: () => Promise.resolve(),
    };
    this.host = new EngineHost(ports);
    this.host.onNotice((notice) => {
      this.notices.push(notice);
      if (notice.kind === 'requests') this.#todo.push(...notice.requests);
    });
  }

  /** A new device of a new or known user, with keys and cross-signing on the server. */
  static async start(
    server: SimServer,
    clock: SimClock,
    userId: string,
    deviceId = 'D',
    options: SimOptions = {},
  ): Promise<SimClient> {
    const client = new SimClient(server, clock, userId, deviceId, options);
    server.addDevice(userId, deviceId);
    await client.host.call('createVault', { userId, deviceId, passphrase: PASSPHRASE });
    await client.while(client.host.call('bootstrapIdentity', {}));
    await client.settle();
    return client;
  }

  get busy(): boolean {
    return this.#todo.length > 0;
  }

  /** Performs requests that wait, and those they lead to. */
  async work(): Promise<void> {
    for (let i = 0; i < 1000 && this.#todo.length > 0 && this.online; i++) {
      const request = this.#todo.shift();
      if (request !== undefined) await this.perform(request);
    }
  }

  async perform(request: OutgoingRequest): Promise<void> {
    try {
      const response = this.server.perform(this.userId, this.deviceId, request);
      await this.host.call('requestDone', { id: request.id, response });
    } catch (error) {
      if (!(error instanceof SimError)) throw error;
      const { status, errcode, body } = error;
      await this.host.call('requestFailed', { id: request.id, status, errcode, body });
    }
  }

  async sync(): Promise<void> {
    if (!this.online) return;
    try {
      await this.while(this.host.call('processSync', this.server.sync(this.userId, this.deviceId)));
    } catch (error) {
      // Like a page, which keeps the token of a sync only when the engine has taken it in.
      this.server.syncLost(this.userId, this.deviceId);
      throw error;
    }
  }

  /** Syncs and works until nothing is left to do here. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) {
      await this.work();
      if (!this.online || (!this.server.hasNews(this.userId, this.deviceId) && i > 0)) return;
      await this.sync();
    }
  }

  /** Encrypts, sends, and re-keys when the server says the epoch is stale. */
  async send(roomId: string, text: string, txnId = `t${this.clock.now}-${text}`): Promise<MatrixEvent> {
    return this.sendContent(roomId, { msgtype: 'm.text', body: text }, txnId);
  }

  async sendContent(roomId: string, content: Record<string, unknown>, txnId: string): Promise<MatrixEvent> {
    for (let i = 0; i < 5; i++) {
      const encrypted = await this.encrypt(roomId, content, txnId);
      try {
        const event = this.server.send(
          roomId,
          this.userId,
          JSON.parse(JSON.stringify(encrypted)) as Record<string, unknown>,
        );
        await this.host.call('eventSent', { roomId, txnId, eventId: event.event_id ?? '' });
        return event;
      } catch (error) {
        if (!(error instanceof SimError) || error.errcode !== 'CHAT.NYX.STALE_EPOCH') throw error;
        await this.host.call('eventStale', { roomId, txnId, departure: error.body.departure as string });
      }
    }
    throw new Error('stale five times');
  }

  /** Encrypts while performing the requests that it needs. */
  async encrypt(
    roomId: string,
    content: Record<string, unknown>,
    txnId: string,
  ): Promise<Readonly<Record<string, unknown>>> {
    const encrypted = this.host.call('encryptEvent', { roomId, txnId, type: 'm.room.message', content });
    return (await this.while(encrypted)).content;
  }

  /** Performs the engine's requests until `result` is there. */
  async while<T>(result: Promise<T>): Promise<T> {
    let waiting = true as boolean;
    const watched = result.finally(() => (waiting = false));
    watched.catch(() => undefined);
    for (;;) {
      await this.work();
      for (let i = 0; i < 20 && waiting; i++) await Promise.resolve();
      if (!waiting && !this.busy) break;
      if (waiting) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return watched;
  }

  async read(roomId: string, ...events: MatrixEvent[]): Promise<readonly DecryptResult[]> {
    return (await this.host.call('decryptEvents', { roomId, events })).results;
  }

  /** Text of an event, or its state. */
  async text(roomId: string, event: MatrixEvent): Promise<string> {
    const [result] = await this.read(roomId, event);
    if (result?.state !== 'decrypted') return result === undefined ? 'none' : describe(result);
    return String(result.content.body);
  }

  async invite(roomId: string, target: string): Promise<void> {
    const { content } = await this.host.call('signMembership', { roomId, membership: 'invite', target });
    this.server.member(roomId, this.userId, target, { membership: 'invite', ...content });
  }

  /** Joins through a server that drops the signature: the engine signs the join when it sees it. */
  async join(roomId: string): Promise<void> {
    this.joinUnsigned(roomId);
    await this.settle();
  }

  joinUnsigned(roomId: string): void {
    this.server.member(roomId, this.userId, this.userId, { membership: 'join' });
  }

  /** Joins with the signature in the very same event. Neither syncs nor works. */
  async joinSigned(roomId: string): Promise<void> {
    const target = this.userId;
    const { content } = await this.host.call('signMembership', { roomId, membership: 'join', target });
    this.server.member(roomId, this.userId, this.userId, { ...content, membership: 'join' });
  }
}

const describe = (result: DecryptResult): string =>
  'code' in result ? `${result.state}:${result.code}` : result.state;

/** Lets all of them sync and work until nobody has anything left. */
export async function settleAll(...clients: readonly SimClient[]): Promise<void> {
  for (let i = 0; i < 30; i++) {
    for (const client of clients) await client.settle();
    if (clients.every((c) => !c.online || (!c.busy && !c.server.hasNews(c.userId, c.deviceId)))) return;
  }
}
