/** Changes of a local user's devices that other servers have not been told of. */
export type PendingDeviceChanges = {
  /** Number of the last update that was sent. */
  readonly counter: number;
  readonly deviceIds: readonly string[];
  /** Whether the cross-signing keys changed. */
  readonly identity: boolean;
};

/** What other servers must be told of local users' devices. */
export interface DeviceListOutbox {
  pending(userId: string): Promise<PendingDeviceChanges | undefined>;
  /** These changes were sent, under numbers up to `counter`. Changes made meanwhile stay. */
  sent(userId: string, changes: PendingDeviceChanges, counter: number): Promise<void>;
  /** Number of the last update that was sent; 0 before the first. */
  counter(userId: string): Promise<number>;
}
