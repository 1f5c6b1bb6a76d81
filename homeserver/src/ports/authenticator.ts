/** Who makes a request of the client API. */
export type Requester = {
  readonly userId: string;
  readonly deviceId: string;
  /** Names the session (the device's login); stays the same over token refreshes. */
  readonly sessionId: string;
  readonly isAdmin: boolean;
  readonly isGuest: boolean;
  /** Suspended users may read and leave, not act (spec: Client-Server API, Account suspension). */
  readonly isSuspended: boolean;
  /** Locked users may only log out (spec: Client-Server API, Account locking). */
  readonly isLocked: boolean;
};

/** Resolves access tokens. On the path of every request, so answers come from a cache where possible. */
export interface Authenticator {
  /**
   * Whose token this is. Throws `unknown_token` (with `soft_logout` when it expired but may be refreshed). A locked
   * user is returned, not refused: the route decides.
   */
  authenticate(token: string, from: RequestOrigin): Promise<Requester>;
}

/** Tells whoever holds on to a token when to ask about it again. */
export interface SessionWatch {
  /** Calls `changed` when the user or one of their sessions did. Best effort: ask now and then all the same. */
  watch(userId: string, changed: () => void): Disposable;
  /** Whether the session goes on, be it under a newer token than the one it was known by. */
  isAlive(requester: Requester): Promise<boolean>;
}

/** Where a request came from, kept as the device's last seen address. */
export type RequestOrigin = { readonly ip: string; readonly userAgent: string | undefined };
