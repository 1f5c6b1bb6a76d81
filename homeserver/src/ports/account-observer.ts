/** Told what happens to accounts, by jobs: again when it failed, so the same news may come twice. */
export interface AccountObserver {
  /** `displayname`, `avatar_url` or another field was set or removed: rooms show it in the member's state. */
  profileChanged?(userId: string, field: string): Promise<void>;
  /** The user is gone: leave every room, drop invites, pushers, keys. */
  deactivated?(userId: string): Promise<void>;
  /** A new user was made; invited to the rooms of the configuration. */
  registered?(userId: string): Promise<void>;
}
