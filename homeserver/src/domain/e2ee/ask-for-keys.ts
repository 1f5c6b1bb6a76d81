import type { Clock } from '../../ports/clock.ts';
import type { DeviceRef } from '../../ports/device-key-store.ts';
import type { DeviceSignals } from '../../ports/device-signals.ts';
import type { DeviceWakes } from '../../ports/pushers.ts';

export type AskForKeysDeps = {
  readonly signals: DeviceSignals;
  readonly wakes: DeviceWakes;
  /** When the device was last connected, in ms since the epoch; undefined when that is not known. */
  readonly lastSeen: (device: DeviceRef) => Promise<number | undefined>;
  readonly clock: Clock;
};

/** A device that was silent for so long does not come by itself soon: it is woken by a push. */
const OFFLINE_MS = 6 * 3_600_000;
/** Pause between two pushes to one device, in ms, however many keys are claimed of it. */
const WAKE_PAUSE_MS = 3_600_000;

/** Asks a device for keys: by its next sync, over its socket at once, and by a push when it is offline for long. */
export type AskForKeys = (device: DeviceRef, isReminder: boolean) => Promise<void>;

/** What asks devices for keys, made of its parts. */
export const createAskForKeys =
  ({ signals, wakes, lastSeen, clock }: AskForKeysDeps): AskForKeys =>
  async (device, isReminder) => {
    const askedBefore = await signals.ask(device, isReminder);
    const now = clock.now();
    if (askedBefore !== undefined && now - askedBefore < WAKE_PAUSE_MS) return;
    const seen = await lastSeen(device);
    if (seen !== undefined && now - seen >= OFFLINE_MS) await wakes.wake(device);
  };
