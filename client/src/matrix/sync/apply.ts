import { parseBareEvent, parseEvents, parseRoomEvent, recordOf, stringOf } from '../events.ts';
import { limits } from '../limits.ts';
import { emptyRoom } from '../types.ts';
import type { BareEvent, Content, Membership, RoomEvent, RoomRecord } from '../types.ts';
import { allStores } from '../store/db.ts';
import type { NyxDb, Receipt, WriteTx } from '../store/db.ts';
import {
  appendEvent,
  directRooms,
  openSegment,
  tagsOf,
  writeRedaction,
  writeState,
} from '../store/room-writer.ts';
import { invitedRoomSchema, joinedRoomSchema } from '../api/sync.ts';
import type { JoinedRoom, SyncResponse } from '../api/sync.ts';

/** What one room's part of a sync changed, for memory and view, after it was stored. */
export type RoomChange = {
  room: RoomRecord;
  /** New live events, oldest first. */
  appended: RoomEvent[];
  /** Events that were redacted, as they now stand. */
  replaced: RoomEvent[];
  /** True when events are missing before `appended`: a window at the live end starts over. */
  gap: boolean;
  state: BareEvent[];
  receipts: Receipt[];
  typing: string[] | undefined;
};

export type SyncChanges = {
  rooms: RoomChange[];
  removed: string[];
  accountData: BareEvent[];
  presence: { userId: string; presence: string; lastActiveTs: number | undefined }[];
  /** Rooms whose part could not be taken, with the reason: they are tried again with the next sync. */
  failedRooms: { roomId: string; reason: string }[];
};

export type ApplyContext = {
  db: NyxDb;
  userId: string;
  /** Milliseconds since the epoch. */
  now: () => number;
};

const receiptsOf = (roomId: string, ephemeral: BareEvent[]): Receipt[] => {
  const receipts: Receipt[] = [];
  for (const event of ephemeral) {
    if (event.type !== 'm.receipt') continue;
    for (const [eventId, kinds] of Object.entries(event.content)) {
      for (const kind of ['m.read', 'm.read.private']) {
        for (const [userId, data] of Object.entries(recordOf(recordOf(kinds)?.[kind]) ?? {})) {
          const detail = recordOf(data);
          const ts = detail?.ts;
          const thread = stringOf(detail?.thread_id);
          receipts.push({ r: roomId, userId, eventId, ts: typeof ts === 'number' ? ts : 0, thread });
        }
      }
    }
  }
  return receipts.slice(0, limits.members);
};

const typingOf = (ephemeral: BareEvent[]): string[] | undefined => {
  const event = ephemeral.findLast((one) => one.type === 'm.typing');
  const ids = event?.content.user_ids;
  return Array.isArray(ids)
    ? ids.filter((id): id is string => typeof id === 'string' && id.length <= 255).slice(0, 20)
    : undefined;
};

const heroesOf = async (tx: WriteTx, roomId: string, ids: readonly string[]): Promise<RoomRecord['heroes']> =>
  Promise.all(
    ids.slice(0, 5).map(async (userId) => {
      const member = await tx.objectStore('state').get([roomId, 'm.room.member', userId]);
      return {
        userId,
        name: stringOf(member?.ev.content.displayname) ?? '',
        avatar: stringOf(member?.ev.content.avatar_url),
      };
    }),
  );

const applyRoomAccountData = (room: RoomRecord, events: BareEvent[]): RoomRecord => {
  const next = { ...room };
  for (const event of events) {
    if (event.type === 'm.tag') next.tags = tagsOf(event.content);
    else if (event.type === 'm.fully_read') next.readMarker = stringOf(event.content.event_id);
    else if (event.type === 'm.marked_unread' || event.type === 'com.famedly.marked_unread') {
      next.markedUnread = event.content.unread === true;
    }
  }
  return next;
};

const applyJoined = async (
  tx: WriteTx,
  context: ApplyContext,
  before: RoomRecord,
  part: JoinedRoom,
  membership: Membership,
): Promise<RoomChange> => {
  const state = parseEvents(part.state.events, parseRoomEvent, limits.syncState);
  const timeline = parseEvents(part.timeline.events, parseRoomEvent, limits.syncTimeline);
  const accountData = parseEvents(part.account_data.events, parseBareEvent, 100);
  const ephemeral = parseEvents(part.ephemeral.events, parseBareEvent, 100);

  let room: RoomRecord = { ...before, membership };
  const first = before.nextIndex === 0;
  const gap = part.timeline.limited === true || first;
  if (gap && timeline.length > 0) room = await openSegment(tx, room, part.timeline.prev_batch);
  for (const event of state) room = await writeState(tx, room, event, context.userId);

  const appended: RoomEvent[] = [];
  const replaced: RoomEvent[] = [];
  for (const event of timeline) {
    if (event.state_key !== undefined) room = await writeState(tx, room, event, context.userId);
    const result = await appendEvent(tx, room, event);
    room = result.room;
    if (!result.fresh) continue;
    appended.push(event);
    const blanked = await writeRedaction(tx, room.roomId, event);
    if (blanked !== undefined) replaced.push(blanked);
    if (blanked !== undefined && room.lastEvent?.event_id === blanked.event_id)
      room = { ...room, lastEvent: blanked };
  }
  room = applyRoomAccountData(room, accountData);
  for (const event of accountData) {
    await tx.objectStore('accountData').put({ r: room.roomId, type: event.type, content: event.content });
  }
  const receipts = receiptsOf(room.roomId, ephemeral);
  for (const receipt of receipts)
    if (receipt.thread === undefined || receipt.thread === 'main')
      await tx.objectStore('receipts').put(receipt);

  const { summary, unread_notifications: counts } = part;
  room.joined = summary['m.joined_member_count'] ?? room.joined;
  room.invited = summary['m.invited_member_count'] ?? room.invited;
  room.unread = counts.notification_count ?? room.unread;
  room.highlight = counts.highlight_count ?? room.highlight;
  if (summary['m.heroes'] !== undefined) room.heroes = await heroesOf(tx, room.roomId, summary['m.heroes']);
  else if (room.heroes.length > 0 && state.some((event) => event.type === 'm.room.member')) {
    room.heroes = await heroesOf(
      tx,
      room.roomId,
      room.heroes.map((hero) => hero.userId),
    );
  }
  if (room.lastTs === 0) room.lastTs = timeline.at(-1)?.origin_server_ts ?? context.now();
  await tx.objectStore('rooms').put(room);
  const shown = [...state, ...timeline.filter((event) => event.state_key !== undefined)];
  return {
    room,
    appended,
    replaced,
    gap: gap && !first,
    state: shown,
    receipts,
    typing: typingOf(ephemeral),
  };
};

const applyInvite = async (
  tx: WriteTx,
  context: ApplyContext,
  before: RoomRecord | undefined,
  roomId: string,
  events: unknown[],
): Promise<RoomChange> => {
  const state = parseEvents(events, parseBareEvent, 200);
  let room: RoomRecord = { ...(before ?? emptyRoom(roomId)), membership: 'invite' };
  for (const event of state) room = await writeState(tx, room, event, context.userId);
  const inviter = state.find((event) => event.type === 'm.room.member' && event.state_key === room.inviter);
  if (room.inviter !== undefined && room.heroes.length === 0) {
    room.heroes = [
      {
        userId: room.inviter,
        name: stringOf(inviter?.content.displayname) ?? '',
        avatar: stringOf(inviter?.content.avatar_url),
      },
    ];
  }
  if (before?.membership !== 'invite') room.lastTs = context.now();
  await tx.objectStore('rooms').put(room);
  return { room, appended: [], replaced: [], gap: false, state, receipts: [], typing: undefined };
};

/** Marks direct rooms after m.direct changed; answers the rooms that differ. */
const applyDirect = async (
  tx: WriteTx,
  content: Content,
  skip: ReadonlySet<string>,
): Promise<RoomRecord[]> => {
  const direct = directRooms(content);
  const changed: RoomRecord[] = [];
  for (const room of await tx.objectStore('rooms').getAll()) {
    const user = direct.get(room.roomId);
    if (user === room.directUser || room.membership === 'invite') continue;
    const next = { ...room, directUser: user };
    await tx.objectStore('rooms').put(next);
    if (!skip.has(room.roomId)) changed.push(next);
  }
  return changed;
};

const presenceOf = (event: BareEvent, now: number): SyncChanges['presence'][number] | undefined => {
  const presence = stringOf(event.content.presence);
  if (event.sender === undefined || presence === undefined) return undefined;
  const ago = event.content.last_active_ago;
  return { userId: event.sender, presence, lastActiveTs: typeof ago === 'number' ? now - ago : undefined };
};

/** The rooms of a section: what has no room id for a name is none. */
const roomsOf = (section: Readonly<Record<string, unknown>>): [string, unknown][] =>
  Object.entries(section)
    .filter(([roomId]) => roomId.startsWith('!') && roomId.length <= 255)
    .slice(0, limits.syncRooms);

/**
 * Stores one sync response in one transaction and answers what changed. A room that cannot be taken is left out and
 * named; the rest and the token still commit.
 */
export const applySync = async (context: ApplyContext, response: SyncResponse): Promise<SyncChanges> => {
  const tx: WriteTx = context.db.transaction(allStores, 'readwrite', { durability: 'strict' });
  const changes: SyncChanges = { rooms: [], removed: [], accountData: [], presence: [], failedRooms: [] };
  const rooms = tx.objectStore('rooms');

  const guarded = async (roomId: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      // A dead transaction is everybody's problem; anything else is this room's alone.
      if (error instanceof DOMException) throw error;
      changes.failedRooms.push({ roomId, reason: error instanceof Error ? error.message : 'unknown' });
    }
  };

  const joined = (part: unknown, roomId: string, membership: Membership): Promise<void> =>
    guarded(roomId, async () => {
      const before = (await rooms.get(roomId)) ?? emptyRoom(roomId);
      const parsed = joinedRoomSchema.parse(part);
      changes.rooms.push(await applyJoined(tx, context, before, parsed, membership));
    });

  const { join, invite, leave, knock } = response.rooms;
  for (const [roomId, part] of roomsOf(join)) await joined(part, roomId, 'join');
  for (const [roomId, part] of roomsOf(invite)) {
    await guarded(roomId, async () => {
      const parsed = invitedRoomSchema.parse(part);
      const before = await rooms.get(roomId);
      changes.rooms.push(await applyInvite(tx, context, before, roomId, parsed.invite_state.events));
    });
  }
  for (const [roomId, part] of roomsOf({ ...knock, ...leave })) {
    const known = await rooms.get(roomId);
    if (known === undefined || known.membership === 'invite') {
      // A declined or withdrawn invitation leaves nothing worth keeping.
      await rooms.delete(roomId);
      changes.removed.push(roomId);
    } else {
      await joined(part, roomId, 'leave');
    }
  }

  for (const event of parseEvents(response.account_data.events, parseBareEvent, 1_000)) {
    await tx.objectStore('accountData').put({ r: '', type: event.type, content: event.content });
    changes.accountData.push(event);
  }
  const direct =
    changes.accountData.find((event) => event.type === 'm.direct')?.content ??
    (await tx.objectStore('accountData').get(['', 'm.direct']))?.content;
  if (direct !== undefined && (changes.rooms.length > 0 || changes.accountData.length > 0)) {
    const map = directRooms(direct);
    changes.rooms = changes.rooms.map((change) => {
      const user = map.get(change.room.roomId);
      return user === undefined ? change : { ...change, room: { ...change.room, directUser: user } };
    });
    for (const room of await applyDirect(tx, direct, new Set(changes.rooms.map((one) => one.room.roomId)))) {
      changes.rooms.push({
        room,
        appended: [],
        replaced: [],
        gap: false,
        state: [],
        receipts: [],
        typing: undefined,
      });
    }
  }
  const now = context.now();
  for (const event of parseEvents(response.presence.events, parseBareEvent, 10_000)) {
    const one = presenceOf(event, now);
    if (one !== undefined) changes.presence.push(one);
  }
  await tx.objectStore('meta').put(response.next_batch, 'since');
  await tx.done;
  return changes;
};
