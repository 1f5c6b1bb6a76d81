/** A local account. */
export type User = {
  readonly userId: string;
  readonly createdAt: number;
  /** Undefined when the account cannot log in with a password: guests, deactivated users. */
  readonly passwordHash?: string;
  readonly isAdmin: boolean;
  readonly isGuest: boolean;
  readonly isSuspended: boolean;
  readonly isLocked: boolean;
  readonly deactivatedAt?: number;
};

export type NewUser = Pick<User, 'userId' | 'createdAt' | 'isAdmin' | 'isGuest'> & {
  readonly passwordHash?: string;
};

export type UserChange = Partial<Pick<User, 'isSuspended' | 'isLocked' | 'isAdmin' | 'passwordHash'>>;

export interface UserStore {
  /** False when the name is, or ever was, taken. */
  add(user: NewUser): Promise<boolean>;
  find(userId: string): Promise<User | undefined>;
  change(userId: string, change: UserChange): Promise<void>;
  /** Whether there is any account at all. */
  any(): Promise<boolean>;
}

/** A token is stored as the SHA-256 of its text. `generation` counts the refreshes of its session. */
export type StoredToken = {
  readonly kind: 'access' | 'refresh';
  readonly hash: string;
  readonly generation: number;
  /** Milliseconds since the epoch; undefined for never. */
  readonly expiresAt?: number;
};

/** A device, and the session that it is. */
export type Device = {
  /** Changes with each login, even into the same device. */
  readonly sessionId: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly displayName?: string;
  readonly createdAt: number;
  readonly seenAt?: number;
  readonly seenIp?: string;
  readonly seenAgent?: string;
  readonly tokens: readonly StoredToken[];
};

export type Sighting = {
  readonly sessionId: string;
  readonly at: number;
  readonly ip: string;
  readonly userAgent?: string | undefined;
};

export interface DeviceStore {
  /** Adds a device, or gives an existing one of that id a new session; its name stays. True when it is new. */
  logIn(device: Device): Promise<boolean>;
  byToken(hash: string): Promise<Device | undefined>;
  /** Replaces the session's tokens, provided that it still has the token `expected`. */
  setTokens(sessionId: string, expected: string, tokens: readonly StoredToken[]): Promise<boolean>;
  list(userId: string): Promise<Device[]>;
  find(userId: string, deviceId: string): Promise<Device | undefined>;
  /** False when there is no such device. */
  rename(userId: string, deviceId: string, displayName: string | undefined): Promise<boolean>;
  /** The ids of those that were there. */
  remove(userId: string, deviceIds: readonly string[]): Promise<string[]>;
  see(sightings: readonly Sighting[]): Promise<void>;
}

/** How far an interactive authentication has got. */
export type AuthSession = {
  readonly id: string;
  /** What it may be used for: the operation and, when somebody is logged in, who. */
  readonly purpose: string;
  readonly completed: readonly string[];
};

export interface AuthSessionStore {
  create(session: AuthSession, expiresAt: number): Promise<void>;
  find(id: string): Promise<AuthSession | undefined>;
  complete(id: string, stage: string): Promise<void>;
  /** False when it was used before. */
  consume(id: string): Promise<boolean>;
}

export type RegistrationToken = {
  readonly token: string;
  /** Undefined for as many as wanted. */
  readonly usesAllowed?: number;
  readonly used: number;
  readonly expiresAt?: number;
  /** Who registers with it becomes an administrator. */
  readonly makesAdmin: boolean;
};

export interface RegistrationTokenStore {
  /** False when there is one of that name. */
  add(token: RegistrationToken): Promise<boolean>;
  find(token: string): Promise<RegistrationToken | undefined>;
  list(): Promise<RegistrationToken[]>;
  /** Uses it once, if it is valid now. */
  use(token: string, now: number): Promise<RegistrationToken | undefined>;
  /** Undoes one use. */
  giveBack(token: string): Promise<void>;
  remove(token: string): Promise<boolean>;
}

/** Short-lived tokens that are no access tokens: for logging in elsewhere, and for OpenID. */
export interface GrantStore {
  add(kind: 'login' | 'openid', hash: string, userId: string, expiresAt: number): Promise<void>;
  /** Whose it is; a login token can be taken once. */
  take(kind: 'login', hash: string, now: number): Promise<string | undefined>;
  find(kind: 'openid', hash: string, now: number): Promise<string | undefined>;
}

export type Profile = Readonly<Record<string, unknown>>;

export interface ProfileStore {
  find(userId: string): Promise<Profile | undefined>;
  findMany(userIds: readonly string[]): Promise<ReadonlyMap<string, Profile>>;
  set(userId: string, key: string, value: unknown): Promise<void>;
  unset(userId: string, key: string): Promise<void>;
  remove(userId: string): Promise<void>;
}

/** One entry of account data. `roomId` is empty for what belongs to no room. */
export type AccountDataEntry = {
  readonly userId: string;
  readonly roomId: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** Stream position of the last change. */
  readonly position: number;
};

export interface AccountDataStore {
  find(userId: string, roomId: string, type: string): Promise<AccountDataEntry | undefined>;
  /** All entries of a user, optionally of one room, that changed in (after, upTo]. */
  changed(userId: string, after: number, upTo: number): Promise<AccountDataEntry[]>;
  /**
   * Stores an entry. With `expected`, only when the stored entry's position is that (0: there is none): false when
   * somebody was faster.
   */
  put(entry: AccountDataEntry, expected?: number): Promise<boolean>;
}

export interface FilterStore {
  /** Stores a filter under its id, which depends on its content. */
  put(userId: string, filterId: string, filter: object): Promise<void>;
  find(userId: string, filterId: string): Promise<object | undefined>;
}
