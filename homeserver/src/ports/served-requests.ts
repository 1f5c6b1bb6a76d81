/** Remembers which requests under client- or server-given ids were served, so that repeats are not served again. */
export interface ServedRequests {
  was(id: string): Promise<boolean>;
  /** Best effort: what it protects is idempotent as long as nobody has read it. */
  mark(id: string): Promise<void>;
}
