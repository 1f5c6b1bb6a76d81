import type { Device, DeviceStore, StoredToken } from '../../ports/accounts.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DeviceObserver } from '../../ports/device-observer.ts';
import type { Random } from '../../ports/random.ts';
import { DomainError } from '../errors.ts';
import { randomToken } from '../ids.ts';
import { tokenHash } from './token-hash.ts';

/** Name of the job that finishes what removing devices began. */
export const DEVICES_GONE_JOB = 'accounts.devices-gone';

export type SessionsDeps = {
  readonly devices: DeviceStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: DeviceObserver;
  /** Tells every process that a user's sessions changed. */
  readonly forget: (userId: string) => void;
  /** Milliseconds. */
  readonly lifetimes: { readonly access: number; readonly refresh: number };
};

/** What a client gets of a new session, in the keys of the spec. */
export type IssuedTokens = {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly expires_in_ms?: number;
};

export type NewSession = {
  readonly userId: string;
  /** Made up when not given. */
  readonly deviceId?: string | undefined;
  readonly displayName?: string | undefined;
  /** Whether the client can refresh tokens; only then they expire. */
  readonly refreshable: boolean;
};

const ACCESS_LENGTH = 40;
const REFRESH_LENGTH = 48;
const SESSION_ID_LENGTH = 16;
const DEVICE_ID_LENGTH = 10;
/** Longest device id that a client may choose; the spec sets none. */
const MAX_DEVICE_ID_LENGTH = 255;

const unknownRefreshToken = (): DomainError =>
  new DomainError('unknown_token', 'Unknown refresh token', { fields: { soft_logout: false } });

/** Begins, continues and ends the sessions of devices. */
export class Sessions {
  readonly #deps: SessionsDeps;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /** A new session on a new or known device, whose former session ends. */
  async begin({
    userId,
    deviceId,
    displayName,
    refreshable,
  }: NewSession): Promise<IssuedTokens & { device_id: string }> {
    const { devices, random, clock, forget, observer } = this.#deps;
    const id = deviceId ?? randomToken(random, DEVICE_ID_LENGTH).toUpperCase();
    if (id === '' || id.length > MAX_DEVICE_ID_LENGTH)
      throw new DomainError('invalid_param', 'Invalid device_id');
    const { issued, stored } = this.#issue(0, refreshable);
    const isNew = await devices.logIn({
      sessionId: randomToken(random, SESSION_ID_LENGTH),
      userId,
      deviceId: id,
      createdAt: clock.now(),
      tokens: stored,
      ...(displayName === undefined ? {} : { displayName }),
    });
    forget(userId);
    if (isNew) await observer.devicesAdded(userId, [id]);
    return { ...issued, device_id: id };
  }

  /**
   * New tokens for a refresh token (spec: POST /refresh). The old ones stay until one of the new is used, so that an
   * answer which never arrived locks nobody out.
   */
  async refresh(refreshToken: string): Promise<IssuedTokens> {
    const { devices, clock, forget } = this.#deps;
    const hash = tokenHash(refreshToken);
    const device = await devices.byToken(hash);
    const token = device?.tokens.find((other) => other.hash === hash);
    if (device === undefined || token?.kind !== 'refresh') throw unknownRefreshToken();
    if (token.expiresAt !== undefined && token.expiresAt <= clock.now()) {
      await this.end(device.userId, [device.deviceId]);
      throw unknownRefreshToken();
    }
    const { issued, stored } = this.#issue(token.generation + 1, true);
    const own = device.tokens.filter(({ generation }) => generation === token.generation);
    if (!(await devices.setTokens(device.sessionId, hash, [...own, ...stored]))) throw unknownRefreshToken();
    forget(device.userId);
    return issued;
  }

  /** Ends sessions and removes their devices. */
  async end(userId: string, deviceIds: readonly string[]): Promise<void> {
    const removed = await this.#deps.devices.remove(userId, deviceIds);
    this.#deps.forget(userId);
    if (removed.length > 0) await this.#deps.observer.devicesRemoved(userId, removed);
  }

  /** Ends all of a user's sessions but the one on `keep`. */
  async endAll(userId: string, keep?: string): Promise<void> {
    const devices: Device[] = await this.#deps.devices.list(userId);
    await this.end(
      userId,
      devices.map(({ deviceId }) => deviceId).filter((id) => id !== keep),
    );
  }

  #issue(generation: number, refreshable: boolean): { issued: IssuedTokens; stored: StoredToken[] } {
    const { random, clock, lifetimes } = this.#deps;
    const now = clock.now();
    const access = `nyx_${randomToken(random, ACCESS_LENGTH)}`;
    const accessToken: StoredToken = { kind: 'access', hash: tokenHash(access), generation };
    if (!refreshable) return { issued: { access_token: access }, stored: [accessToken] };
    const refresh = `nyr_${randomToken(random, REFRESH_LENGTH)}`;
    return {
      issued: { access_token: access, refresh_token: refresh, expires_in_ms: lifetimes.access },
      stored: [
        { ...accessToken, expiresAt: now + lifetimes.access },
        { kind: 'refresh', hash: tokenHash(refresh), generation, expiresAt: now + lifetimes.refresh },
      ],
    };
  }
}
