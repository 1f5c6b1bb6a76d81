import type { JobRequest } from '../../../ports/job-queue.ts';
import type { Departure, RotationReason } from '../../../ports/departure-store.ts';

export const ROTATION_PLAN_JOB = 'keys.rotation-plan';
export const ROTATION_DELIVER_JOB = 'keys.rotation-deliver';
export const DEVICES_REMOVED_JOB = 'keys.devices-removed';

/** Devices in one delivery, so that a retry repeats little. */
export const DEVICES_PER_DELIVERY = 100;

/** What the remaining devices of a room are told, and how one telling is known from another. */
export type RotationSignal = {
  readonly room: string;
  /** Event id of the newest departure; none when only devices were removed. */
  readonly after: string | null;
  readonly reason: RotationReason;
  /** Whose departure, or whose device. */
  readonly departed: string;
  readonly sender: string;
  /** Distinguishes removals of devices; empty for a departure. */
  readonly nonce: string;
};

/** Names a signal: the same for every repetition, on every server. */
export const signalKey = ({ room, after, departed, nonce }: RotationSignal): string =>
  ['chat.nyx.rotate', room, after ?? '', nonce === '' ? '' : departed, nonce].join('\n');

/** The job that a departure leaves. */
export const planFor = ({ room, eventId, reason, user, sender }: Departure): JobRequest => ({
  name: ROTATION_PLAN_JOB,
  payload: { room, after: eventId, reason, departed: user, sender, nonce: '' } satisfies RotationSignal,
  key: `${room}\n${eventId}`,
});
