import { ownString, ownValue, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomReads } from './room-reads.ts';

/** What anybody who may know of a room is told of it (spec: Client-Server API, room summary). */
export type RoomSummary = {
  readonly room: RoomId;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  readonly canonicalAlias: string | undefined;
  readonly avatarUrl: string | undefined;
  readonly joinedMembers: number;
  readonly worldReadable: boolean;
  readonly guestCanJoin: boolean;
  readonly joinRule: string;
  /** Rooms whose members may join, for restricted rooms. */
  readonly allowedRooms: readonly string[];
  readonly roomType: string | undefined;
  readonly encryption: string | undefined;
  /** Undefined where another server does not say. */
  readonly version: string | undefined;
};

const SUMMARY_TYPES = [
  EventType.Name,
  EventType.Topic,
  EventType.CanonicalAlias,
  EventType.Avatar,
  EventType.JoinRules,
  EventType.HistoryVisibility,
  EventType.GuestAccess,
  EventType.Encryption,
];

/** Reads a room's summary from its current state. */
export async function summarise(rooms: RoomReads, live: LiveRoom): Promise<RoomSummary> {
  const { state, rules, room } = live.head;
  const contents = new Map<string, JsonObject>();
  const ids = SUMMARY_TYPES.map((type) => state.get(type, '')).filter((id) => id !== undefined);
  for (const { pdu } of (await rooms.engine.events.getAll(ids)).values()) contents.set(pdu.type, pdu.content);
  const text = (type: string, field: string): string | undefined => {
    const content = contents.get(type);
    const value = content === undefined ? undefined : ownString(content, field);
    return value === '' ? undefined : value;
  };
  return {
    room,
    name: text(EventType.Name, 'name'),
    topic: text(EventType.Topic, 'topic'),
    canonicalAlias: text(EventType.CanonicalAlias, 'alias'),
    avatarUrl: text(EventType.Avatar, 'url'),
    joinedMembers: live.tally.joined,
    worldReadable: text(EventType.HistoryVisibility, 'history_visibility') === 'world_readable',
    guestCanJoin: text(EventType.GuestAccess, 'guest_access') === 'can_join',
    joinRule: text(EventType.JoinRules, 'join_rule') ?? 'invite',
    allowedRooms: allowedRooms(contents.get(EventType.JoinRules)),
    roomType: ownString(live.createEvent.pdu.content, 'type'),
    encryption: text(EventType.Encryption, 'algorithm'),
    version: rules.version,
  };
}

/** Rooms named by the `allow` list of a restricted room's join rules. */
export function allowedRooms(joinRules: JsonObject | undefined): string[] {
  const allow = joinRules === undefined ? undefined : ownValue(joinRules, 'allow');
  if (!Array.isArray(allow)) return [];
  const rooms: string[] = [];
  for (const entry of (allow as readonly unknown[]).slice(0, MAX_ALLOW_ENTRIES)) {
    if (typeof entry !== 'object' || entry === null) continue;
    const { type, room_id: room } = entry as Record<string, unknown>;
    if (type === 'm.room_membership' && typeof room === 'string') rooms.push(room);
  }
  return rooms;
}

/** Entries of an `allow` list that are looked at. */
const MAX_ALLOW_ENTRIES = 100;
