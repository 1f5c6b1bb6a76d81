import { z } from 'zod';
import type { Device, DeviceStore, Sighting, UserStore } from '../../ports/accounts.ts';
import type { Authenticator, Requester, RequestOrigin, SessionWatch } from '../../ports/authenticator.ts';
import type { Bus } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import { DomainError } from '../errors.ts';
import type { CachedSession } from './session-cache.ts';
import { SessionCache } from './session-cache.ts';
import { tokenHash } from './token-hash.ts';

export type AuthenticatorDeps = {
  readonly users: UserStore;
  readonly devices: DeviceStore;
  readonly bus: Bus;
  readonly clock: Clock;
};

/** How long a session is believed without asking the database: other processes tell when it changes. */
const TRUSTED_TTL_MS = 300_000;
/** The same while other processes cannot tell. */
const UNTRUSTED_TTL_MS = 2_000;
const TOPIC = 'sessions';
const forgottenSchema = z.object({ userId: z.string() });

const unknownToken = (): DomainError =>
  new DomainError('unknown_token', 'Unknown access token', { fields: { soft_logout: false } });

/** Spec: Client-Server API, Soft logout. The client keeps what it has and logs in, or refreshes, again. */
const expiredToken = (refreshable: boolean): DomainError =>
  new DomainError('unknown_token', 'The access token has expired', { fields: { soft_logout: refreshable } });

/** Finds out whose an access token is, and remembers where devices were last seen. */
export class SessionAuthenticator implements Authenticator, SessionWatch, Disposable {
  readonly #deps: AuthenticatorDeps;
  readonly #cache = new SessionCache();
  #sightings = new Map<string, Sighting>();
  readonly #subscriptions: Disposable[];
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
    this.#subscriptions = [
      deps.bus.subscribe(TOPIC, (payload) => this.#forget(forgottenSchema.parse(payload).userId)),
      // Whether connected or cut off: what was said in between is lost.
      deps.bus.onConnectionChange(() => this.#cache.clear()),
    ];
  }

  get cachedSessions(): number {
    return this.#cache.size;
  }

  async authenticate(token: string, from: RequestOrigin): Promise<Requester> {
    const hash = tokenHash(token);
    const session = this.#cache.get(hash) ?? (await this.#load(hash));
    if (session === undefined) throw unknownToken();
    const now = this.#deps.clock.now();
    if (session.expiresAt !== undefined && session.expiresAt <= now) throw expiredToken(session.refreshable);
    const { requester } = session;
    this.#sightings.set(requester.sessionId, { sessionId: requester.sessionId, at: now, ...from });
    return requester;
  }

  /** To be called by whoever changed a user or any of their sessions. Every process reads them again. */
  forget(userId: string): void {
    this.#forget(userId);
    this.#deps.bus.publish(TOPIC, { userId });
  }

  watch(userId: string, changed: () => void): Disposable {
    const watchers = this.#watchers.get(userId) ?? new Set();
    this.#watchers.set(userId, watchers);
    watchers.add(changed);
    return {
      [Symbol.dispose]: () => {
        watchers.delete(changed);
        if (watchers.size === 0 && this.#watchers.get(userId) === watchers) this.#watchers.delete(userId);
      },
    };
  }

  async isAlive({ userId, deviceId, sessionId }: Requester): Promise<boolean> {
    const { devices, users } = this.#deps;
    const [device, user] = await Promise.all([devices.find(userId, deviceId), users.find(userId)]);
    return device?.sessionId === sessionId && user !== undefined && user.deactivatedAt === undefined;
  }

  /** Writes down where devices were seen since the last time. */
  async flushSightings(): Promise<void> {
    const sightings = [...this.#sightings.values()];
    this.#sightings = new Map();
    await this.#deps.devices.see(sightings);
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.#cache.clear();
  }

  #forget(userId: string): void {
    this.#cache.forgetUser(userId);
    for (const changed of [...(this.#watchers.get(userId) ?? [])]) changed();
  }

  async #load(hash: string): Promise<CachedSession | undefined> {
    const { devices, users, bus } = this.#deps;
    const epoch = this.#cache.epoch();
    const device = await devices.byToken(hash);
    const token = device?.tokens.find((other) => other.hash === hash);
    if (device === undefined || token?.kind !== 'access') return undefined;
    const user = await users.find(device.userId);
    if (user === undefined || user.deactivatedAt !== undefined) return undefined;
    await this.#retireOlder(device, token.generation, hash);
    const session: CachedSession = {
      expiresAt: token.expiresAt,
      refreshable: device.tokens.some(({ kind }) => kind === 'refresh'),
      requester: {
        userId: user.userId,
        deviceId: device.deviceId,
        sessionId: device.sessionId,
        isAdmin: user.isAdmin,
        isGuest: user.isGuest,
        isSuspended: user.isSuspended,
        isLocked: user.isLocked,
      },
    };
    this.#cache.set(hash, session, epoch, bus.connected ? TRUSTED_TTL_MS : UNTRUSTED_TTL_MS);
    return session;
  }

  /** The first use of a refreshed token shows that the client has it: the tokens before it end. */
  async #retireOlder(device: Device, generation: number, hash: string): Promise<void> {
    if (!device.tokens.some((token) => token.generation < generation)) return;
    const kept = device.tokens.filter((token) => token.generation >= generation);
    await this.#deps.devices.setTokens(device.sessionId, hash, kept);
    this.forget(device.userId);
  }
}
