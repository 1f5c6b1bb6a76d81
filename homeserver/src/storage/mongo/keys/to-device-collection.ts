import type { mongo } from 'mongoose';
import type { NamedIndex } from '../create-indexes.ts';
import { fenceIndexes } from '../stream-leases.ts';

/** A message waiting for a device, or one it has had whose repeats must still be recognised. */
export type ToDeviceRow = {
  readonly _id: mongo.ObjectId;
  readonly position: number;
  /** `deviceName` of the recipient. */
  readonly device: string;
  readonly dedupe: string;
  readonly sender: string;
  readonly type: string;
  /** Content as JSON text. */
  readonly json: string;
};

export const TO_DEVICE = 'toDevice';
export const TO_DEVICE_DEDUPE_INDEX = 'to_device_dedupe';
export const TO_DEVICE_INBOX_INDEX = 'to_device_inbox';

export const TO_DEVICE_INDEXES: readonly NamedIndex[] = [
  ...fenceIndexes('position'),
  { name: TO_DEVICE_INBOX_INDEX, key: { device: 1, position: 1 } },
  {
    name: TO_DEVICE_DEDUPE_INDEX,
    key: { device: 1, dedupe: 1 },
    unique: true,
    partialFilterExpression: { dedupe: { $exists: true } },
  },
];

/** A request to send that was served: its repeats are answered without sending again. */
export type ToDeviceRepeatRow = { readonly _id: string; readonly servedAt: Date };

export const TO_DEVICE_REPEATS = 'toDeviceRepeats';
/** How long clients and servers may repeat a request under the same id. */
const REPEAT_TTL_SECONDS = 86_400;
export const TO_DEVICE_REPEATS_INDEXES: readonly NamedIndex[] = [
  { name: 'to_device_repeats_age', key: { servedAt: 1 }, expireAfterSeconds: REPEAT_TTL_SECONDS },
];

/** A message that must come once, and has been put into an inbox. `_id` is `deviceName`, line feed, dedupe key. */
export type ToDeviceSeenRow = { readonly _id: string; readonly at: Date };

export const TO_DEVICE_SEEN = 'toDeviceSeen';
/** How long jobs and peers may repeat themselves: outbound queues give up sooner. */
const SEEN_TTL_SECONDS = 7 * 86_400;
export const TO_DEVICE_SEEN_INDEXES: readonly NamedIndex[] = [
  { name: 'to_device_seen_age', key: { at: 1 }, expireAfterSeconds: SEEN_TTL_SECONDS },
];
