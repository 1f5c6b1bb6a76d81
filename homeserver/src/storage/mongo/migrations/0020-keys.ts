import { createIndexes } from '../create-indexes.ts';
import { DEVICE_LIST_OUTBOX } from '../keys/mongo-device-list-outbox.ts';
import { REMOTE_DEVICE_LISTS, REMOTE_DEVICE_LISTS_INDEXES } from '../keys/mongo-remote-device-lists.ts';
import { ROOM_DEPARTURES, STREAM_CURSORS } from '../keys/mongo-departure-store.ts';
import {
  BUNDLE_CLAIMS,
  BUNDLE_CLAIMS_INDEXES,
  DEVICE_KEYS,
  DEVICE_KEYS_INDEXES,
  DEVICE_LIST_CHANGES,
  DEVICE_LIST_CHANGES_INDEXES,
  DEVICE_SIGNALS,
  DEVICE_SIGNALS_INDEXES,
  FALLBACK_KEYS,
  FALLBACK_KEYS_INDEXES,
  KEY_BATCHES,
  KEY_BATCHES_INDEXES,
  ONE_TIME_KEYS,
  ONE_TIME_KEYS_INDEXES,
} from '../keys/key-collections.ts';
import {
  CROSS_SIGNING_KEYS,
  KEY_SIGNATURES,
  KEY_SIGNATURES_INDEXES,
} from '../keys/mongo-cross-signing-store.ts';
import {
  TO_DEVICE,
  TO_DEVICE_INDEXES,
  TO_DEVICE_REPEATS,
  TO_DEVICE_REPEATS_INDEXES,
} from '../keys/to-device-collection.ts';
import {
  KEY_BACKUP_SESSIONS,
  KEY_BACKUP_SESSIONS_INDEXES,
  KEY_BACKUPS,
  KEY_BACKUPS_INDEXES,
} from '../keys/key-backup-collections.ts';
import type { Migration } from '../migrations.ts';

/** Public keys of devices and users, inboxes of devices, and encrypted backups. */
export const keysMigration: Migration = {
  name: '0020-keys',
  up: async (db) => {
    await createIndexes(db, DEVICE_KEYS, DEVICE_KEYS_INDEXES);
    await createIndexes(db, ONE_TIME_KEYS, ONE_TIME_KEYS_INDEXES);
    await createIndexes(db, FALLBACK_KEYS, FALLBACK_KEYS_INDEXES);
    await createIndexes(db, KEY_BATCHES, KEY_BATCHES_INDEXES);
    await createIndexes(db, BUNDLE_CLAIMS, BUNDLE_CLAIMS_INDEXES);
    await createIndexes(db, DEVICE_LIST_CHANGES, DEVICE_LIST_CHANGES_INDEXES);
    await createIndexes(db, DEVICE_SIGNALS, DEVICE_SIGNALS_INDEXES);
    await createIndexes(db, CROSS_SIGNING_KEYS, []);
    await createIndexes(db, KEY_SIGNATURES, KEY_SIGNATURES_INDEXES);
    await createIndexes(db, ROOM_DEPARTURES, []);
    await createIndexes(db, STREAM_CURSORS, []);
    await createIndexes(db, DEVICE_LIST_OUTBOX, []);
    await createIndexes(db, REMOTE_DEVICE_LISTS, REMOTE_DEVICE_LISTS_INDEXES);
    await createIndexes(db, TO_DEVICE, TO_DEVICE_INDEXES);
    await createIndexes(db, TO_DEVICE_REPEATS, TO_DEVICE_REPEATS_INDEXES);
    await createIndexes(db, KEY_BACKUPS, KEY_BACKUPS_INDEXES);
    await createIndexes(db, KEY_BACKUP_SESSIONS, KEY_BACKUP_SESSIONS_INDEXES);
  },
};
