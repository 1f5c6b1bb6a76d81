import type {
  ExtensionResults,
  Hero,
  ListResult,
  RoomResult,
  SlidingResponse,
} from '../../../../domain/sliding/sliding-response.ts';

type Body = Record<string, unknown>;

/** How the answer is written: as before MSC4186 was merged, or as it was. */
export type SlidingDialect = 'unstable' | 'stable';

/** The answer of sliding sync as JSON. */
export const slidingBody = (response: SlidingResponse, dialect: SlidingDialect): Body => ({
  pos: response.pos,
  lists: fromMap(response.lists, (list) => listBody(list, dialect)),
  rooms: fromMap(response.rooms, (room) => (dialect === 'stable' ? stableRoom(room) : unstableRoom(room))),
  extensions: extensionsBody(response.extensions),
});

const listBody = ({ count, windows }: ListResult, dialect: SlidingDialect): Body =>
  dialect === 'stable'
    ? { count }
    : { count, ops: windows.map(({ range, rooms }) => ({ op: 'SYNC', range, room_ids: rooms })) };

const heroBody = ({ userId, displayName, avatarUrl }: Hero): Body => ({
  user_id: userId,
  ...(displayName === undefined ? {} : { displayname: displayName }),
  ...(avatarUrl === undefined ? {} : { avatar_url: avatarUrl }),
});

/** What both dialects say in the same words. What is undefined is left out by JSON. */
const commonRoom = (room: RoomResult): Body => {
  const { timeline, heroes } = room;
  return {
    bump_stamp: room.bumpStamp,
    ...(room.initial ? { initial: true } : {}),
    heroes: heroes === undefined || heroes.length === 0 ? undefined : heroes.map(heroBody),
    joined_count: room.joined,
    invited_count: room.invited,
    ...(timeline === undefined
      ? {}
      : {
          ...(timeline.events.length > 0 ? { timeline: timeline.events } : {}),
          limited: timeline.limited,
          prev_batch: timeline.prevBatch,
          num_live: timeline.live,
        }),
  };
};

const unstableRoom = (room: RoomResult): Body => ({
  ...commonRoom(room),
  name: room.name ?? undefined,
  avatar: room.avatar ?? undefined,
  ...(room.isDm ? { is_dm: true } : {}),
  ...(room.requiredState.length > 0 ? { required_state: room.requiredState } : {}),
  ...(room.timeline?.expanded === true ? { unstable_expanded_timeline: true } : {}),
  invite_state: room.strippedState,
  notification_count: room.unread?.notifications ?? 0,
  highlight_count: room.unread?.highlights ?? 0,
});

const stableRoom = (room: RoomResult): Body => {
  const removed = room.removedState.map(([type, key]) => ({ type, state_key: key }));
  const state = [...room.requiredState, ...removed];
  return {
    ...commonRoom(room),
    membership: room.membership,
    ...(room.lists.length > 0 ? { lists: room.lists } : {}),
    name: room.name,
    avatar: room.avatar,
    // Absent from a first answer it means no; afterwards it would mean unchanged.
    ...(room.isDm || !room.initial ? { is_dm: room.isDm } : {}),
    ...(state.length > 0 ? { required_state: state } : {}),
    ...(room.timeline?.expanded === true ? { expanded_timeline: true } : {}),
    stripped_state: room.strippedState,
  };
};

const extensionsBody = ({ toDevice, e2ee, accountData, receipts, typing }: ExtensionResults): Body => ({
  ...(toDevice === undefined
    ? {}
    : { to_device: { next_batch: toDevice.nextBatch, events: toDevice.events } }),
  ...(e2ee === undefined
    ? {}
    : {
        e2ee: {
          device_one_time_keys_count: e2ee.oneTime,
          device_unused_fallback_key_types: e2ee.unusedFallback,
          ...(e2ee.lists === undefined ? {} : { device_lists: e2ee.lists }),
        },
      }),
  ...(accountData === undefined
    ? {}
    : { account_data: { global: accountData.global, rooms: Object.fromEntries(accountData.rooms) } }),
  ...(receipts === undefined ? {} : { receipts: { rooms: Object.fromEntries(receipts) } }),
  ...(typing === undefined ? {} : { typing: { rooms: Object.fromEntries(typing) } }),
});

const fromMap = <T, R>(map: ReadonlyMap<string, T>, write: (value: T) => R): Record<string, R> =>
  Object.fromEntries([...map].map(([key, value]) => [key, write(value)]));
