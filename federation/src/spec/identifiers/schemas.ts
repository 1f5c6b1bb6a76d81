import { z } from 'zod';
import { isDeviceId, type DeviceId } from './device-id.ts';
import { isEventId, type EventId } from './event-id.ts';
import { isKeyId, type KeyId } from './key-id.ts';
import { isMxcUri, type MxcUri } from './mxc-uri.ts';
import { isRoomAlias, type RoomAlias } from './room-alias.ts';
import { isRoomId, type RoomId } from './room-id.ts';
import { isServerName, type ServerName } from './server-name.ts';
import { isUserId, type UserId } from './user-id.ts';

/** Zod schemas of the identifiers, for request and response bodies: each turns `unknown` into the branded type. */
export const serverNameSchema = z.custom<ServerName>(isServerName, 'not a server name');
export const userIdSchema = z.custom<UserId>(isUserId, 'not a user id');
export const roomIdSchema = z.custom<RoomId>(isRoomId, 'not a room id');
export const roomAliasSchema = z.custom<RoomAlias>(isRoomAlias, 'not a room alias');
export const eventIdSchema = z.custom<EventId>(isEventId, 'not an event id');
export const keyIdSchema = z.custom<KeyId>(isKeyId, 'not a key id');
export const deviceIdSchema = z.custom<DeviceId>(isDeviceId, 'not a device id');
export const mxcUriSchema = z.custom<MxcUri>(isMxcUri, 'not a content URI');
