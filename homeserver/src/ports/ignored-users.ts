/** Whom users have told the server to ignore (spec: Client-Server API, ignoring users). */
export interface IgnoredUsers {
  /** Never contains the user. On the path of every sync, so answers come from memory where possible. */
  ignoredBy(user: string): Promise<ReadonlySet<string>>;
}
