import type { DeviceRef } from '../../ports/device-key-store.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { StockWatch } from './claim-keys.ts';
import { deviceFromName, deviceName } from './device-id.ts';

/** Name of the job that asks a device for keys. */
export const REPLENISH_JOB = 'keys.replenish';

/** Devices looked at in one go. */
const MAX_BATCH = 1_000;

export type StockWatchDeps = {
  /** Which of the devices are low on one-time keys; called with at most {@link MAX_BATCH}. */
  readonly lowAmong: (devices: readonly DeviceRef[]) => Promise<readonly DeviceRef[]>;
  readonly queue: JobQueue;
  /** Publishes that the stock of a device changed. */
  readonly changed: (device: DeviceRef) => void;
  /** Calls back a little later; the callback's errors are the caller's to log. */
  readonly soon: (run: () => Promise<void>) => void;
};

/**
 * Notes devices whose keys were claimed and looks at them together a moment later, so that a claim costs no count. What
 * a crash forgets, the sweep finds.
 */
export const createStockWatch = ({ lowAmong, queue, changed, soon }: StockWatchDeps): StockWatch => {
  let noted = new Set<string>();
  const look = async (): Promise<void> => {
    const names = [...noted];
    noted = new Set();
    for (let start = 0; start < names.length; start += MAX_BATCH) {
      const low = await lowAmong(names.slice(start, start + MAX_BATCH).map(deviceFromName));
      await queue.enqueue(
        low.map((device) => ({ name: REPLENISH_JOB, payload: device, key: deviceName(device) })),
      );
    }
  };
  const note = (device: DeviceRef): void => {
    changed(device);
    if (noted.size === 0) soon(look);
    noted.add(deviceName(device));
  };
  return { claimed: note, uploaded: note };
};
