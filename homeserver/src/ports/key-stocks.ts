import type { DeviceRef } from './device-key-store.ts';

/** Looks over the stock of many devices at once. */
export interface KeyStocks {
  /** Which of the devices have an algorithm with fewer one-time keys than `threshold`, or none left of one they had. */
  lowAmong(devices: readonly DeviceRef[], threshold: number): Promise<readonly DeviceRef[]>;
  /**
   * Devices that should be asked for keys now: low on one-time keys, or with a signed prekey from before `staleBefore`;
   * not asked again before their pause is over, which doubles with each time. At most `limit`, after `cursor`.
   */
  due(options: SweepOptions): Promise<SweepPage>;
  /** Notes of uploads whose keys are all gone, so that what is remembered of them can expire. Returns how many. */
  retireSpentBatches(limit: number): Promise<number>;
  /** Devices by how many one-time keys they have left, for each algorithm; at most `limit` devices are counted. */
  histogram(limit: number): Promise<ReadonlyMap<string, readonly number[]>>;
  /** How many devices uploaded one-time keys once and have none left; at most `limit` devices are looked at. */
  exhausted(limit: number): Promise<number>;
}

export type SweepOptions = {
  readonly threshold: number;
  readonly staleBefore: Date;
  readonly now: Date;
  /** Pause after the first request, in ms. */
  readonly pauseMs: number;
  readonly limit: number;
  readonly cursor: string | undefined;
};

export type SweepPage = { readonly devices: readonly DeviceRef[]; readonly cursor: string | undefined };
