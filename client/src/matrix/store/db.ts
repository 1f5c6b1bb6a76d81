import { openDB } from 'idb';
import type { DBSchema, IDBPDatabase, IDBPTransaction } from 'idb';
import type { BareEvent, Content, RoomEvent, RoomRecord } from '../types.ts';

/**
 * One stored timeline event. Events of a room lie in segments: within a segment nothing is missing, live events are
 * appended at its end (index going up), older pages before its start (index going down from 0). A limited sync starts
 * a new segment; back-pagination from it that meets a known event joins it to the one before.
 */
export type StoredEvent = {
  r: string;
  s: number;
  i: number;
  id: string;
  /** Id of the event this one relates to (edit, reaction, thread). */
  rel?: string;
  ev: RoomEvent;
};

export type Segment = {
  r: string;
  s: number;
  /** Token for the page before its first event; null: the room starts here; 'joined': go on in segment s - 1. */
  prev: { kind: 'token'; token: string } | { kind: 'start' } | { kind: 'joined' } | { kind: 'unknown' };
  /** Index of its first event. */
  first: number;
};

export type StoredState = { r: string; t: string; k: string; ev: RoomEvent | BareEvent };

export type Receipt = { r: string; userId: string; eventId: string; ts: number; thread: string | undefined };

export interface NyxSchema extends DBSchema {
  meta: { key: string; value: unknown };
  rooms: { key: string; value: RoomRecord };
  segments: { key: [string, number]; value: Segment };
  events: {
    key: [string, number, number];
    value: StoredEvent;
    indexes: { byId: [string, string]; byRelation: [string, string] };
  };
  state: { key: [string, string, string]; value: StoredState; indexes: { byType: [string, string] } };
  receipts: { key: [string, string]; value: Receipt };
  accountData: { key: [string, string]; value: { r: string; type: string; content: Content } };
}

export type NyxDb = IDBPDatabase<NyxSchema>;
export type StoreName = 'meta' | 'rooms' | 'segments' | 'events' | 'state' | 'receipts' | 'accountData';
export type WriteTx = IDBPTransaction<NyxSchema, StoreName[], 'readwrite'>;

export const allStores: StoreName[] = [
  'meta',
  'rooms',
  'segments',
  'events',
  'state',
  'receipts',
  'accountData',
];

/** The account's database name: one per user and device, so that a second log-in never mixes with the first. */
export const dbName = (userId: string, deviceId: string): string => `nyx:${userId}:${deviceId}`;

export const openDatabase = (name: string): Promise<NyxDb> =>
  openDB<NyxSchema>(name, 2, {
    upgrade: (db, before) => {
      // Unsent messages and drafts lay there as they were written: they stay until the vault is open and seals them.
      if (before === 1) return;
      db.createObjectStore('meta');
      db.createObjectStore('rooms', { keyPath: 'roomId' });
      db.createObjectStore('segments', { keyPath: ['r', 's'] });
      const events = db.createObjectStore('events', { keyPath: ['r', 's', 'i'] });
      events.createIndex('byId', ['r', 'id']);
      events.createIndex('byRelation', ['r', 'rel']);
      const state = db.createObjectStore('state', { keyPath: ['r', 't', 'k'] });
      state.createIndex('byType', ['r', 't']);
      db.createObjectStore('receipts', { keyPath: ['r', 'userId'] });
      db.createObjectStore('accountData', { keyPath: ['r', 'type'] });
    },
    // Another tab runs a newer build: let it upgrade; this page reloads when the service worker tells it to.
    blocking: (_current, _blocked, event) => {
      if (event.target instanceof IDBDatabase) event.target.close();
    },
  });
