import { isJsonArray, isJsonObject, ownObject, ownString, ownValue } from '@nyx/federation/json/value.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isEventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Presence } from '../presence/presence.ts';
import type { Receipts } from '../receipts/receipts.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { Typing } from '../typing/typing.ts';
import type { EduHandler } from './receive-transaction.ts';
import type { RoomAccess } from './room-access.ts';

export type LiveEduDeps = {
  readonly rooms: RoomReads;
  readonly access: RoomAccess;
  readonly typing: Typing;
  readonly receipts: Receipts;
  readonly presence: Presence;
};

/** Which of them the operator exchanges with other servers. */
export type LiveEduOptions = {
  readonly typing: boolean;
  readonly receipts: boolean;
  readonly presence: boolean;
};

/** How long another server's user is shown as typing; its server says when it stops. */
const TYPING_MS = 30_000;
/** Rooms, users and events of one message that are looked at. */
const MAX_ENTRIES = 1_000;

/** Takes in typing, receipts and presence of other servers' users (spec: Server-Server API, EDUs). */
export function liveEduHandlers(deps: LiveEduDeps, options: LiveEduOptions): Map<string, EduHandler> {
  const handlers = new Map<string, EduHandler>();
  if (options.typing) handlers.set('m.typing', (origin, content) => typing(deps, origin, content));
  if (options.receipts) handlers.set('m.receipt', (origin, content) => receipts(deps, origin, content));
  if (options.presence) handlers.set('m.presence', (origin, content) => presence(deps, origin, content));
  return handlers;
}

/** Whether a user is in the room, is of that server, and the server may speak there. */
async function maySpeak(
  { rooms, access }: LiveEduDeps,
  origin: ServerName,
  room: RoomId,
  user: string,
): Promise<boolean> {
  if (!isUserId(user) || userIdServer(user) !== origin) return false;
  const live = await rooms.find(room);
  if (live?.head.state.membership(user) !== 'join') return false;
  return access.passesAcl(live, origin);
}

async function typing(deps: LiveEduDeps, origin: ServerName, content: JsonObject): Promise<void> {
  const room = ownValue(content, 'room_id');
  const user = ownString(content, 'user_id');
  if (!isRoomId(room) || user === undefined || !(await maySpeak(deps, origin, room, user))) return;
  await deps.typing.set(room, user, ownValue(content, 'typing') === true, TYPING_MS);
}

async function receipts(deps: LiveEduDeps, origin: ServerName, content: JsonObject): Promise<void> {
  for (const [room, kinds] of Object.entries(content).slice(0, MAX_ENTRIES)) {
    const read = isJsonObject(kinds) ? ownObject(kinds, 'm.read') : undefined;
    if (!isRoomId(room) || read === undefined) continue;
    for (const [user, receipt] of Object.entries(read).slice(0, MAX_ENTRIES)) {
      if (!isJsonObject(receipt) || !(await maySpeak(deps, origin, room, user))) continue;
      const ids = ownValue(receipt, 'event_ids');
      const event = isJsonArray(ids) ? ids.findLast(isEventId) : undefined;
      if (event === undefined) continue;
      const data = ownObject(receipt, 'data') ?? {};
      const ts = ownValue(data, 'ts');
      const thread = ownString(data, 'thread_id');
      await deps.receipts.set({
        room,
        user,
        type: 'm.read',
        thread,
        event,
        ...(typeof ts === 'number' ? { ts } : {}),
      });
    }
  }
}

async function presence(deps: LiveEduDeps, origin: ServerName, content: JsonObject): Promise<void> {
  const push = ownValue(content, 'push');
  if (!isJsonArray(push)) return;
  for (const entry of push.slice(0, MAX_ENTRIES)) {
    if (!isJsonObject(entry)) continue;
    const user = ownValue(entry, 'user_id');
    const state = ownValue(entry, 'presence');
    if (!isUserId(user) || userIdServer(user) !== origin) continue;
    if (state !== 'online' && state !== 'offline' && state !== 'unavailable') continue;
    await deps.presence.set(user, state, ownString(entry, 'status_msg'));
  }
}
