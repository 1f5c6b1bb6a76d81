/** Carries what call pages send to each other, as an honest client and server do; the test may interfere. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { ArrivedEvent, DeviceMessage } from '@nyx/plugin-sdk/client/data.ts';
import type { Times } from '@nyx/webrtc-calls/call/state.ts';

const ROOM = '!calls:test.example';

type Content = Record<string, unknown>;
type Sent = { readonly roomId: string; readonly type: string; readonly content: Content };
type ToDevices = {
  readonly userId: string;
  readonly type: string;
  readonly content: Content;
  readonly deviceIds?: readonly string[];
};

export type Caller = {
  readonly userId: string;
  readonly deviceId: string;
  readonly page: Page;
  readonly context: BrowserContext;
  /** Types of what it has sent, in order. */
  readonly sent: string[];
  /** Nothing reaches or leaves it. */
  cut: boolean;
};

export type CallerOptions = {
  readonly alwaysRelay?: boolean;
  readonly times?: Partial<Times>;
  readonly iceServers?: (userId: string) => readonly RTCIceServer[];
};

/** Keeps each connection where a test can ask for its statistics. */
export const recordConnections = (): void => {
  const connections: RTCPeerConnection[] = [];
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      connections.push(this);
    }
  };
  Object.assign(window, { connections });
};

export class Exchange {
  readonly callers: Caller[] = [];
  /** Changes what the others get of an event; undefined loses it. */
  tamper: (event: ArrivedEvent) => ArrivedEvent | undefined = (event) => event;
  readonly #browser: Browser;
  readonly #url: string;
  #count = 0;

  constructor(browser: Browser, url: string) {
    this.#browser = browser;
    this.#url = url;
  }

  async add(userId: string, deviceId: string, options: CallerOptions = {}): Promise<Caller> {
    const context = await this.#browser.newContext({
      permissions: ['camera', 'microphone'],
      locale: 'en-GB',
    });
    const page = await context.newPage();
    await page.addInitScript(recordConnections);
    const caller: Caller = { userId, deviceId, page, context, sent: [], cut: false };
    await page.exposeFunction('outside', (call: string, params: unknown) =>
      this.#answer(caller, options, call, params),
    );
    await page.goto(this.#url);
    await page.waitForFunction(() => 'callPage' in window);
    const { alwaysRelay = false, times = {} } = options;
    await page.evaluate((started) => window.callPage.start(started), {
      userId,
      deviceId,
      alwaysRelay,
      times,
    });
    this.callers.push(caller);
    return caller;
  }

  /** The button in the header of the room. */
  async place(caller: Caller, video: boolean): Promise<void> {
    const joined = new Set(this.callers.map(({ userId }) => userId)).size;
    const room = { roomId: ROOM, name: 'Calls', membership: 'join' as const, encrypted: true, joined };
    await caller.page.evaluate(([info, withVideo]) => window.callPage.place(info, withVideo), [
      room,
      video,
    ] as const);
  }

  /** Brings an event to a caller as its client would. */
  async deliver(caller: Caller, event: ArrivedEvent): Promise<void> {
    if (!caller.cut) await caller.page.evaluate((events) => window.callPage.deliver(events), [event]);
  }

  async close(): Promise<void> {
    await Promise.all(this.callers.splice(0).map(({ context }) => context.close()));
  }

  eventOf(from: Pick<Caller, 'userId' | 'deviceId'>, type: string, content: Content): ArrivedEvent {
    this.#count += 1;
    return {
      ...{ eventId: `$event${this.#count}`, roomId: ROOM, sender: from.userId, type, content },
      ...{
        timestamp: Date.now(),
        isOwn: false,
        encrypted: true,
        device: from.deviceId,
        trust: 'pinned',
        age: 0,
      },
    };
  }

  async #answer(
    caller: Caller,
    options: CallerOptions,
    call: string,
    params: unknown,
  ): Promise<{ ok: unknown } | { code: string }> {
    const network = call === 'events.send' || call === 'devices.send' || call === 'calls.iceServers';
    if (caller.cut && network) return { code: 'network' };
    switch (call) {
      case 'events.send':
        await this.#send(caller, params as Sent);
        return { ok: `$event${this.#count}` };
      case 'devices.send':
        return { ok: { reached: await this.#sendToDevices(caller, params as ToDevices) } };
      case 'calls.iceServers':
        return { ok: { servers: options.iceServers?.(caller.userId) ?? [], lifetime: 3_600_000 } };
      case 'rooms.get':
        return { ok: null };
      case 'rooms.members': {
        const users = new Set(this.callers.map(({ userId }) => userId));
        return { ok: [...users].map((userId) => ({ userId, name: userId, membership: 'join' })) };
      }
      case 'contacts.relation':
        return { ok: 'contact' };
      default:
        return { ok: null };
    }
  }

  async #send(caller: Caller, { type, content }: Sent): Promise<void> {
    caller.sent.push(type);
    const event = this.eventOf(caller, type, content);
    for (const other of this.callers) {
      const changed = other === caller ? event : this.tamper(event);
      if (changed !== undefined) await this.deliver(other, changed);
    }
  }

  async #sendToDevices(caller: Caller, sent: ToDevices): Promise<string[]> {
    const { userId, type, content, deviceIds } = sent;
    const message: DeviceMessage = {
      ...{ sender: caller.userId, device: caller.deviceId, type, content, trust: 'pinned' },
    };
    const targets = this.callers.filter(
      (other) => other.userId === userId && (deviceIds?.includes(other.deviceId) ?? true),
    );
    for (const { page, cut } of targets)
      if (!cut) await page.evaluate((one) => window.callPage.message(one), message);
    return targets.map(({ deviceId }) => deviceId);
  }
}

export type Flow = {
  readonly framesDecoded: number;
  readonly audioEnergy: number;
  readonly bytesReceived: number;
  /** Kinds of the candidates of the pair in use, this side's first. */
  readonly path: readonly string[];
};

/** What has come in over the connections of a page so far, one entry for each that is open. */
export const flows = (page: Page): Promise<Flow[]> =>
  page.evaluate(async () => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const open = connections.filter(({ connectionState }) => connectionState === 'connected');
    return Promise.all(
      open.map(async (connection) => {
        const stats = [...(await connection.getStats()).values()] as Record<string, unknown>[];
        const sum = (key: string): number =>
          stats
            .filter(({ type }) => type === 'inbound-rtp')
            .reduce((total, stat) => total + (typeof stat[key] === 'number' ? stat[key] : 0), 0);
        const pair = stats.find(
          ({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded',
        );
        const kindOf = (id: unknown): string => String(stats.find((stat) => stat.id === id)?.candidateType);
        return {
          framesDecoded: sum('framesDecoded'),
          audioEnergy: sum('totalAudioEnergy'),
          bytesReceived: sum('bytesReceived'),
          path: [kindOf(pair?.localCandidateId), kindOf(pair?.remoteCandidateId)],
        };
      }),
    );
  });
