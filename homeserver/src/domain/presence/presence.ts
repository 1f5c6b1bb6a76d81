import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isUserId, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { LRUCache } from 'lru-cache';
import type { Bus } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';

export type PresenceState = 'online' | 'offline' | 'unavailable';

export type UserPresence = {
  readonly user: UserId;
  readonly state: PresenceState;
  readonly statusMessage: string | undefined;
  /** Milliseconds since the epoch. */
  readonly lastActive: number;
  /** Stream position of the change. */
  readonly position: number;
};

export type PresenceDeps = {
  readonly positions: StreamPositions;
  readonly notifier: Notifier;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Rooms of a user: whoever is in them may know. */
  readonly roomsOf: (user: UserId) => Promise<readonly string[]>;
  /** Which of the others the user shares a room with. */
  readonly sharing: (user: string, others: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly enabled: boolean;
};

/** Users whose presence is remembered. */
const MAX_USERS = 20_000;
/** A user whose clients have not been heard for so long is offline. */
const SILENCE_MS = 60_000;
/** "Currently active" for so long after the last action (spec: Client-Server API, presence). */
const ACTIVE_MS = 120_000;
const TOPIC = 'presence';

/** Told of changes of local users: federation passes them on. */
export type PresenceListener = (presence: UserPresence) => void;

/** Who is there (spec: Client-Server API, presence). In memory: a restart begins with everybody offline. */
export class Presence implements Disposable {
  readonly #deps: PresenceDeps;
  readonly #users = new LRUCache<string, UserPresence>({ max: MAX_USERS });
  /** When a client of the user was last heard here. */
  readonly #heard = new Map<UserId, number>();
  readonly #subscription: Disposable;
  readonly #listeners = new Set<PresenceListener>();

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
    this.#subscription = deps.bus.subscribe(TOPIC, (payload) => this.#hear(payload));
  }

  get enabled(): boolean {
    return this.#deps.enabled;
  }

  /** A client synced: the user is there unless the client says otherwise. */
  synced(user: UserId, state: PresenceState): void {
    if (!this.#deps.enabled || state === 'offline') return;
    this.#heard.set(user, this.#deps.clock.now());
    const current = this.#users.peek(user);
    if (current?.state === state || (current?.state === 'online' && state === 'unavailable')) return;
    void this.set(user, state, current?.statusMessage);
  }

  /** Sets the presence of a user, of this server or as another server tells it. */
  async set(user: UserId, state: PresenceState, statusMessage: string | undefined): Promise<void> {
    if (!this.#deps.enabled) return;
    const { clock, bus } = this.#deps;
    const lastActive = state === 'online' ? clock.now() : (this.#users.peek(user)?.lastActive ?? clock.now());
    await this.#store({ user, state, statusMessage, lastActive });
    bus.publish(TOPIC, { user, state, statusMessage, lastActive });
    const stored = this.#users.peek(user);
    if (stored !== undefined) for (const listener of this.#listeners) listener(stored);
  }

  onPresence(listener: PresenceListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  get(user: string): UserPresence | undefined {
    return this.#users.get(user);
  }

  /** Whether the viewer may know of the user: they share a room. */
  async maySee(viewer: string, user: string): Promise<boolean> {
    return viewer === user || (await this.#deps.sharing(viewer, [user])).has(user);
  }

  /** `m.presence` events that changed in (after, upTo], of users the viewer shares rooms with. */
  async changed(viewer: string, after: number, upTo: number): Promise<JsonObject[]> {
    if (!this.#deps.enabled) return [];
    const changed: UserPresence[] = [];
    for (const presence of this.#users.values()) {
      if (presence.position <= after || presence.position > upTo) continue;
      if (after > 0 || presence.state !== 'offline') changed.push(presence);
    }
    if (changed.length === 0) return [];
    const shared = await this.#deps.sharing(
      viewer,
      changed.map(({ user }) => user),
    );
    return changed
      .filter(({ user }) => user === viewer || shared.has(user))
      .map((presence) => ({ type: 'm.presence', sender: presence.user, content: this.content(presence) }));
  }

  /** Content of `m.presence`. */
  content({ state, statusMessage, lastActive }: UserPresence): JsonObject {
    const ago = Math.max(0, this.#deps.clock.now() - lastActive);
    return {
      presence: state,
      ...(statusMessage === undefined ? {} : { status_msg: statusMessage }),
      last_active_ago: ago,
      ...(state === 'online' ? { currently_active: ago < ACTIVE_MS } : {}),
    };
  }

  /** Sets users offline whose clients fell silent; to be called now and then. */
  async sweep(): Promise<void> {
    const silent = this.#deps.clock.now() - SILENCE_MS;
    for (const [user, heard] of this.#heard) {
      if (heard > silent) continue;
      this.#heard.delete(user);
      const current = this.#users.peek(user);
      if (current !== undefined && current.state !== 'offline') {
        await this.set(user, 'offline', current.statusMessage);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  async #store(presence: Omit<UserPresence, 'position'>): Promise<void> {
    const { positions, notifier, roomsOf } = this.#deps;
    try {
      const rooms = await roomsOf(presence.user);
      await positions.write(1, ([position = 0]) => {
        this.#users.set(presence.user, { ...presence, position });
        notifier.publish([presence.user, ...rooms], position);
        return Promise.resolve();
      });
    } catch {
      // Without a database nobody syncs, and presence is not worth an error of its own.
    }
  }

  #hear(payload: unknown): void {
    if (typeof payload !== 'object' || payload === null) return;
    const { user, state, statusMessage, lastActive } = payload as Record<string, unknown>;
    if (!isUserId(user) || typeof lastActive !== 'number') return;
    if (state !== 'online' && state !== 'offline' && state !== 'unavailable') return;
    const message = typeof statusMessage === 'string' ? statusMessage : undefined;
    void this.#store({ user, state, statusMessage: message, lastActive });
  }
}
