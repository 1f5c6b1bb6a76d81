/** The injected source of time. Production reads the system; tests advance it by hand. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}
