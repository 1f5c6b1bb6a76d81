/**
 * Messages between the processes of one server. Best effort: nothing may depend on a message arriving; what must not
 * be missed is found again in the database.
 */
export interface Bus {
  /** Whether messages are flowing just now. */
  readonly connected: boolean;
  /** Whether another process of this server has been heard lately. */
  readonly hasPeers: boolean;
  /** Whether any other process would have been heard by now, and none was. False when in doubt. */
  readonly isAlone: boolean;
  /** Sends a JSON value to the other processes; not to this one. Dropped when nobody listens. */
  publish(topic: string, payload: unknown): void;
  /** Calls `handler` with what other processes publish. Payloads are outside data: parse them. */
  subscribe(topic: string, handler: (payload: unknown) => void): Disposable;
  /** Calls `listener` whenever messages begin or cease to flow; after a gap, some were missed. */
  onConnectionChange(listener: (connected: boolean) => void): Disposable;
}
