import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isJsonObject } from '@nyx/federation/json/value.ts';
import { z } from 'zod';
import type { BackedUpKey } from '../../../ports/key-backup-store.ts';

/** A JSON object that is kept as it is. */
export const jsonObjectSchema = z.custom<JsonObject>(isJsonObject, 'expected an object');

export const versionQuerySchema = z.looseObject({ version: z.string() });

/** An encrypted key (spec: Client-Server API, KeyBackupData). */
export const keySchema = z.looseObject({
  first_message_index: z.int().min(0),
  forwarded_count: z.int().min(0),
  is_verified: z.boolean(),
  session_data: jsonObjectSchema,
});

export const roomSchema = z.looseObject({ sessions: z.record(z.string(), keySchema) });

export const allRoomsSchema = z.looseObject({ rooms: z.record(z.string(), roomSchema) });

/** A key of a backup as it is stored, from how a client sends it. */
export const toBackedUpKey = (
  roomId: string,
  sessionId: string,
  key: z.output<typeof keySchema>,
): BackedUpKey => ({
  roomId,
  sessionId,
  firstMessageIndex: key.first_message_index,
  forwardedCount: key.forwarded_count,
  isVerified: key.is_verified,
  sessionData: key.session_data,
});

/** All keys that a client sends for one room. */
export const keysOfRoom = (roomId: string, { sessions }: z.output<typeof roomSchema>): BackedUpKey[] =>
  Object.entries(sessions).map(([sessionId, key]) => toBackedUpKey(roomId, sessionId, key));

/** A key of a backup as a client gets it (spec: Client-Server API, KeyBackupData). */
export const keyJson = (key: BackedUpKey) => ({
  first_message_index: key.firstMessageIndex,
  forwarded_count: key.forwardedCount,
  is_verified: key.isVerified,
  session_data: key.sessionData,
});

/** Keys of one room by session (spec: Client-Server API, RoomKeyBackup). */
export const sessionsJson = (keys: readonly BackedUpKey[]) => ({
  sessions: Object.fromEntries(keys.map((key) => [key.sessionId, keyJson(key)])),
});
