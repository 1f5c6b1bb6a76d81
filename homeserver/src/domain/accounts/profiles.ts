import type { Profile, ProfileStore, UserStore } from '../../ports/accounts.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { PluginHooks } from '../../ports/plugin-hooks.ts';
import type { RemoteProfiles } from '../../ports/remote-profiles.ts';
import { DomainError } from '../errors.ts';
import { isLocalUser } from './user-names.ts';

export type ProfilesDeps = {
  readonly profiles: ProfileStore;
  readonly users: UserStore;
  readonly queue: JobQueue;
  /** Undefined while federation is off. */
  readonly remote: RemoteProfiles | undefined;
  readonly serverName: string;
  readonly plugins: PluginHooks;
};

export const PROFILE_CHANGED_JOB = 'accounts.profile-changed';

/** Spec: PUT /profile/{userId}/{keyName}: the whole profile stays under 64 KiB, a key has at most 255 bytes. */
const MAX_PROFILE_BYTES = 65_536;
const MAX_KEY_BYTES = 255;
const KEY = /^(?:avatar_url|displayname|m\.tz|[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+)$/;
/** Member events carry these two, and events have a size; the limits are Synapse's. */
const MAX_DISPLAY_NAME_LENGTH = 256;
const MAX_AVATAR_URL_LENGTH = 1_000;
/** Fields that rooms show. */
const IN_ROOMS: ReadonlySet<string> = new Set(['displayname', 'avatar_url']);

const checkKey = (key: string): void => {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new DomainError('key_too_large', `Profile keys may have at most ${MAX_KEY_BYTES} bytes`);
  }
  if (!KEY.test(key)) throw new DomainError('invalid_param', 'Invalid profile key');
};

const checkValue = (key: string, value: unknown): void => {
  if (key === 'displayname' && (typeof value !== 'string' || value.length > MAX_DISPLAY_NAME_LENGTH)) {
    throw new DomainError(
      'invalid_param',
      `displayname must be a string of at most ${MAX_DISPLAY_NAME_LENGTH} characters`,
    );
  }
  if (key === 'avatar_url') {
    const fits =
      typeof value === 'string' && value.startsWith('mxc://') && value.length <= MAX_AVATAR_URL_LENGTH;
    if (!fits) throw new DomainError('invalid_param', 'avatar_url must be an mxc:// address');
  }
  if (key === 'm.tz' && typeof value !== 'string')
    throw new DomainError('invalid_param', 'm.tz must be a string');
};

/** An empty name or picture is none, as clients have always sent it; so is null. */
const isRemoval = (key: string, value: unknown): boolean =>
  IN_ROOMS.has(key) && (value === '' || value === null);

/** Profiles of this server's users, and a look at those of others. */
export class Profiles {
  readonly #deps: ProfilesDeps;

  constructor(deps: ProfilesDeps) {
    this.#deps = deps;
  }

  /** The whole profile. Throws `not_found`. */
  async get(userId: string): Promise<Profile> {
    const { remote, serverName } = this.#deps;
    if (!isLocalUser(userId, serverName)) {
      if (remote === undefined) throw noProfile();
      return remote.query(userId);
    }
    return this.local(userId);
  }

  /** One field. Throws `not_found` when there is none. */
  async getField(userId: string, key: string): Promise<unknown> {
    const { remote, serverName } = this.#deps;
    const profile =
      isLocalUser(userId, serverName) || remote === undefined
        ? await this.get(userId)
        : await remote.query(userId, key);
    if (!Object.hasOwn(profile, key)) throw new DomainError('not_found', 'There is no such profile field');
    return profile[key];
  }

  /** The profile of a user of this server, for other servers. Throws `not_found` for those who are gone. */
  async local(userId: string): Promise<Profile> {
    const user = await this.#deps.users.find(userId);
    if (user === undefined || user.deactivatedAt !== undefined) throw noProfile();
    return (await this.#deps.profiles.find(userId)) ?? {};
  }

  /** Sets a field of a user of this server; rooms learn of it. */
  async set(userId: string, key: string, value: unknown): Promise<void> {
    checkKey(key);
    if (isRemoval(key, value)) {
      await this.remove(userId, key);
      return;
    }
    checkValue(key, value);
    const profile = { ...(await this.#deps.profiles.find(userId)), [key]: value };
    if (Buffer.byteLength(JSON.stringify(profile)) > MAX_PROFILE_BYTES) {
      throw new DomainError('profile_too_large', `A profile may have at most ${MAX_PROFILE_BYTES} bytes`);
    }
    await this.#deps.plugins.check('checkProfile', () => ({ userId, field: key, value }));
    await this.#deps.profiles.set(userId, key, value);
    await this.#changed(userId, key);
  }

  async remove(userId: string, key: string): Promise<void> {
    checkKey(key);
    await this.#deps.profiles.unset(userId, key);
    await this.#changed(userId, key);
  }

  async #changed(userId: string, key: string): Promise<void> {
    if (!IN_ROOMS.has(key)) return;
    await this.#deps.queue.enqueue([
      { name: PROFILE_CHANGED_JOB, payload: { userId, field: key }, key: `${userId} ${key}` },
    ]);
  }
}

const noProfile = (): DomainError => new DomainError('not_found', 'Profile not found');
