import { ACCOUNT_DATA_COLLECTION } from './accounts/account-data.ts';
import { EVENTS } from './events/event-indexes.ts';
import { DEVICE_LIST_CHANGES, DEVICE_SIGNALS } from './keys/key-collections.ts';
import { TO_DEVICE } from './keys/to-device-collection.ts';
import { RECEIPTS } from './receipts/mongo-receipts.ts';
import type { StreamFence } from './stream-leases.ts';

/**
 * The collections whose documents carry positions of the server's stream. Each has the indexes of `fenceIndexes`.
 * A collection that is missing here is not protected against late writes of a process that was thought dead.
 */
export const STREAM_FENCES: readonly StreamFence[] = [
  { collection: ACCOUNT_DATA_COLLECTION, field: 'position' },
  { collection: EVENTS, field: 's' },
  { collection: RECEIPTS, field: 'position' },
  { collection: DEVICE_LIST_CHANGES, field: 'position' },
  { collection: DEVICE_SIGNALS, field: 'position' },
  { collection: TO_DEVICE, field: 'position' },
];
