import {
  presenceSchema,
  presenceUpdateSchema,
  receiptsIn,
  typingSchema,
} from '@nyx/federation/events/edu.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { type UserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
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
  user: UserId,
): Promise<boolean> {
  if (userIdServer(user) !== origin) return false;
  const live = await rooms.find(room);
  if (live?.head.state.membership(user) !== 'join') return false;
  return access.passesAcl(live, origin);
}

async function typing(deps: LiveEduDeps, origin: ServerName, content: JsonObject): Promise<void> {
  const parsed = typingSchema.safeParse(content);
  if (!parsed.success) return;
  const { room_id: room, user_id: user, typing: isTyping } = parsed.data;
  if (await maySpeak(deps, origin, room, user)) await deps.typing.set(room, user, isTyping, TYPING_MS);
}

async function receipts(deps: LiveEduDeps, origin: ServerName, content: JsonObject): Promise<void> {
  for (const { roomId: room, userId: user, type, event_ids: ids, data } of receiptsIn(content)) {
    const event = ids.at(-1);
    if (type !== 'm.read' || event === undefined || !(await maySpeak(deps, origin, room, user))) continue;
    const { ts, thread_id: thread } = data;
    await deps.receipts.set({ room, user, type, thread, event, ts });
  }
}

async function presence(deps: LiveEduDeps, origin: ServerName, content: JsonObject): Promise<void> {
  const parsed = presenceSchema.safeParse(content);
  if (!parsed.success) return;
  for (const entry of parsed.data.push) {
    const update = presenceUpdateSchema.safeParse(entry);
    if (!update.success || userIdServer(update.data.user_id) !== origin) continue;
    const { user_id: user, presence: state, status_msg: message } = update.data;
    await deps.presence.set(user, state, message ?? undefined);
  }
}
