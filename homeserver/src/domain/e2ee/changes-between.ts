import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { EventReader } from '../../ports/event-store.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { DeviceListDelta, Encounters } from './device-list-delta.ts';

export type ChangesBetweenDeps = {
  readonly reader: Pick<EventReader, 'stream'>;
  /** Rooms the user has, or had, a membership in. */
  readonly roomsOf: (userId: string) => Promise<ReadonlySet<RoomId>>;
  readonly joined: (userId: string) => Promise<readonly RoomId[]>;
  readonly membersOf: (room: RoomId) => Promise<Iterable<string>>;
  readonly delta: (viewer: string, from: number, encounters: Encounters) => Promise<DeviceListDelta>;
};

const PAGE = 1_000;
/** Events looked through; a client that was away for longer is told of everybody it shares a room with. */
const MAX_EVENTS = 50_000;

const noteChanges = (
  { memberChanges }: StoredEvent,
  viewer: string,
  met: Set<string>,
  parted: Set<string>,
): boolean => {
  let isOwn = false;
  for (const { user, membership } of memberChanges) {
    if (user === viewer) isOwn = true;
    else if (membership === 'join') met.add(user);
    else if (membership === 'leave' || membership === 'ban') parted.add(user);
  }
  return isOwn;
};

/**
 * Whose device lists a client must fetch again, or may forget, after being away from `from` to `to` (spec: Client-Server
 * API, GET /keys/changes). What happened after `to` may be included.
 */
export const changesBetween = async (
  { reader, roomsOf, joined, membersOf, delta }: ChangesBetweenDeps,
  viewer: string,
  from: number,
  to: number,
): Promise<DeviceListDelta> => {
  const [rooms, now] = await Promise.all([roomsOf(viewer), joined(viewer)]);
  const met = new Set<string>();
  const parted = new Set<string>();
  const touched = new Set<RoomId>();
  let at = from;
  for (let read = 0; at < to; read += PAGE) {
    if (read >= MAX_EVENTS) {
      for (const room of now) touched.add(room);
      break;
    }
    const page = await reader.stream(at, to, PAGE);
    for (const event of page)
      if (rooms.has(event.room) && noteChanges(event, viewer, met, parted)) touched.add(event.room);
    at = page.length < PAGE ? to : (page.at(-1)?.stream ?? to);
  }
  const joinedNow = new Set(now);
  for (const room of touched) {
    const into = joinedNow.has(room) ? met : parted;
    for (const member of await membersOf(room)) if (member !== viewer) into.add(member);
  }
  return delta(viewer, from, { met, parted });
};
