import type { JsonObject } from '@nyx/federation/json/value.ts';

/** The device that a user left behind: it collects messages while none of the user's clients is there. */
export type DehydratedDevice = { readonly deviceId: string; readonly deviceData: JsonObject };

/** At most one dehydrated device per user. */
export interface DehydratedStore {
  find(userId: string): Promise<DehydratedDevice | undefined>;
  /** Notes that a device is about to be made, so that what a crash leaves of it is found. Answers those noted before. */
  begin(userId: string, deviceId: string): Promise<readonly string[]>;
  /** The device is whole; it takes the place of what was there. */
  finish(userId: string, device: DehydratedDevice): Promise<void>;
  /** Forgets devices that are gone. */
  forget(userId: string, deviceIds: readonly string[]): Promise<void>;
}
