import { createIndexes } from '../create-indexes.ts';
import type { Migration } from '../migrations.ts';
import {
  EVENT_APART_INDEXES,
  EVENT_INDEXES,
  EVENTS,
  EVENTS_APART,
  STATE_LAYERS,
} from '../events/event-indexes.ts';
import { ALIAS_INDEXES, ALIASES, PUBLIC_ROOM_INDEXES, PUBLIC_ROOMS } from '../rooms/mongo-room-directory.ts';
import { FORGOTTEN_ROOM_INDEXES, FORGOTTEN_ROOMS } from '../rooms/mongo-forgotten-rooms.ts';
import { RECEIPT_INDEXES, RECEIPTS } from '../receipts/mongo-receipts.ts';
import { REPORT_INDEXES, REPORTS } from '../reports/mongo-reports.ts';
import { ROOM_CREATIONS } from '../rooms/mongo-room-creations.ts';

/** Events, their state, and what is known of rooms beside them. */
export const roomsMigration: Migration = {
  name: '0010-rooms',
  up: async (db) => {
    await createIndexes(db, EVENTS, EVENT_INDEXES);
    await createIndexes(db, EVENTS_APART, EVENT_APART_INDEXES);
    await createIndexes(db, STATE_LAYERS, []);
    await createIndexes(db, ROOM_CREATIONS, []);
    await createIndexes(db, ALIASES, ALIAS_INDEXES);
    await createIndexes(db, PUBLIC_ROOMS, PUBLIC_ROOM_INDEXES);
    await createIndexes(db, FORGOTTEN_ROOMS, FORGOTTEN_ROOM_INDEXES);
    await createIndexes(db, RECEIPTS, RECEIPT_INDEXES);
    await createIndexes(db, REPORTS, REPORT_INDEXES);
  },
};
