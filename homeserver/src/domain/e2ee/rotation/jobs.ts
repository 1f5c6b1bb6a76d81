import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { JobRequest } from '../../../ports/job-queue.ts';
import type { Departure, RotationReason } from '../../../ports/departure-store.ts';

/** Type of the message that tells a device to change the group key of a room. */
export const ROTATE = 'chat.nyx.rotate';

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
export const signalKey = ({
  room,
  after,
  departed,
  nonce,
}: Pick<RotationSignal, 'room' | 'after' | 'departed' | 'nonce'>): string =>
  ['chat.nyx.rotate', room, after ?? '', nonce === '' ? '' : departed, nonce].join('\n');

/** The job that a departure leaves. */
export const planFor = ({ room, eventId, reason, user, sender }: Departure): JobRequest => ({
  name: ROTATION_PLAN_JOB,
  payload: { room, after: eventId, reason, departed: user, sender, nonce: '' } satisfies RotationSignal,
  key: `${room}\n${eventId}`,
});

/**
 * The name of a signal that came from another server, out of its content: a departure is known here by its event too,
 * and both tellings are one. Removed devices are known from the message alone; undefined for those, and for junk.
 */
export const receivedSignalKey = ({ room, after, reason }: JsonObject): string | undefined => {
  if (typeof room !== 'string' || typeof after !== 'string' || reason === 'device_removed') return undefined;
  return signalKey({ room, after, departed: '', nonce: '' });
};
