import type { DeviceRef } from './device-key-store.ts';

/** Words to devices that they should upload keys; /sync and the socket bring them as current key counts. */
export interface DeviceSignals {
  /**
   * Asks the device for keys. Wakes its /sync and socket. A reminder makes the pause before the next one longer. Answers
   * when it was asked before, in ms since the epoch.
   */
  ask(device: DeviceRef, isReminder: boolean): Promise<number | undefined>;
  /** Whether the device was asked after stream position `from`. */
  askedSince(device: DeviceRef, from: number): Promise<boolean>;
}
