import type { SessionRuntime } from '../../runtime/session-runtime.ts';
import { setAccountData } from '../../matrix/api/account.ts';
import { ok } from '../../matrix/api/result.ts';
import type { Result } from '../../matrix/api/result.ts';
import { createRoom, invite, joinRoom, kick, leaveRoom, sendState, ban } from '../../matrix/api/rooms.ts';
import type { CreateRoom } from '../../matrix/api/rooms.ts';
import { nyxGroupAlgorithm } from '../../matrix/types.ts';
import type { Content, RoomRecord } from '../../matrix/types.ts';
import { recordOf, stringsOf } from '../../matrix/events.ts';

/** `@name:server`, with the parts a user id may have (appendices, "User Identifiers"). */
export const isUserId = (text: string): boolean => text.length <= 255 && /^@[^:\s]+:[^\s/]+$/u.test(text);

const serverOf = (id: string): string => id.slice(id.indexOf(':') + 1);

const encryption = {
  type: 'm.room.encryption',
  state_key: '',
  content: { algorithm: nyxGroupAlgorithm },
} as const;

export type NewRoom = {
  name: string;
  topic: string;
  isPublic: boolean;
  alias: string;
  encrypted: boolean;
  space?: boolean;
};

export const makeRoom = (runtime: SessionRuntime, room: NewRoom): Promise<Result<string>> => {
  const input: CreateRoom = {
    visibility: room.isPublic ? 'public' : 'private',
    preset: room.isPublic ? 'public_chat' : 'private_chat',
    initial_state: room.encrypted ? [encryption] : [],
    ...(room.name === '' ? {} : { name: room.name }),
    ...(room.topic === '' ? {} : { topic: room.topic }),
    ...(room.isPublic && room.alias !== '' ? { room_alias_name: room.alias } : {}),
    ...(room.space === true ? { creation_content: { type: 'm.space' } } : {}),
  };
  return createRoom(runtime.api, input);
};

/** Adds a room to m.direct; the list is small, and read again first so that another device's entry is not lost. */
const markDirect = async (runtime: SessionRuntime, userId: string, roomId: string): Promise<void> => {
  const stored = await runtime.db.get('accountData', ['', 'm.direct']);
  const content: Content = stored?.content ?? {};
  const list = stringsOf(content[userId], 1_000);
  if (list.includes(roomId)) return;
  await setAccountData(runtime.api, runtime.session.userId, 'm.direct', {
    ...content,
    [userId]: [...list, roomId],
  });
};

/** The direct conversation with a person: the one there is, or a new encrypted one. */
export const startDirect = async (
  runtime: SessionRuntime,
  rooms: readonly RoomRecord[],
  userIds: readonly string[],
): Promise<Result<string>> => {
  const [first] = userIds;
  const known =
    userIds.length === 1
      ? rooms.find((room) => room.directUser === first && room.membership === 'join')
      : undefined;
  if (known !== undefined) return ok(known.roomId);
  const made = await createRoom(runtime.api, {
    visibility: 'private',
    preset: 'trusted_private_chat',
    is_direct: userIds.length === 1,
    initial_state: [encryption],
  });
  if (!made.ok) return made;
  for (const userId of userIds) {
    const sent = await inviteTo(runtime, made.value, userId, userIds.length === 1);
    if (!sent.ok) return sent;
  }
  if (first !== undefined && userIds.length === 1) await markDirect(runtime, first, made.value);
  return made;
};

/**
 * Invites with the inviter's cross-signed signature in the event, so that members know that a person asked and not the
 * server (e2ee.md section 3). The plain endpoint cannot carry it; where the server refuses the state event it is used.
 */
export const inviteTo = async (
  runtime: SessionRuntime,
  roomId: string,
  userId: string,
  direct = false,
): Promise<Result<unknown>> => {
  const proof = await membershipProof(runtime, roomId, 'invite', userId);
  const content: Content = { ...proof, membership: 'invite', ...(direct ? { is_direct: true } : {}) };
  const signed = await sendState(runtime.api, { roomId, type: 'm.room.member', stateKey: userId, content });
  if (signed.ok || signed.error.status !== 400) return signed;
  return invite(runtime.api, roomId, userId);
};

const membershipProof = async (
  runtime: SessionRuntime,
  roomId: string,
  membership: 'invite' | 'join' | 'leave' | 'ban',
  target: string,
): Promise<Content> => {
  try {
    return (await runtime.engine.call('signMembership', { roomId, membership, target })).content;
  } catch (error) {
    // Without an identity yet there is nothing to sign with; members will be told that it is unsigned.
    runtime.platform.report(error);
    return {};
  }
};

/**
 * Joins by id, alias or link. The join itself carries our signature, so that whoever sees it may share keys at once
 * (e2ee.md section 3). Where it cannot (a server that drops or refuses it, an alias nobody resolves), the engine signs
 * the join when it sees it unsigned.
 */
export const joinAny = async (
  runtime: SessionRuntime,
  idOrAlias: string,
  via: string[],
): Promise<Result<string>> => {
  const servers = via.length > 0 || !idOrAlias.includes(':') ? via : [serverOf(idOrAlias)];
  // A signature names the room, and the server that answers for an alias must not choose it: only ids are signed for.
  if (!idOrAlias.startsWith('!')) return joinRoom(runtime.api, idOrAlias, servers);
  const proof = await membershipProof(runtime, idOrAlias, 'join', runtime.session.userId);
  const signed = await joinRoom(runtime.api, idOrAlias, servers, proof);
  if (signed.ok || (signed.error.status !== 400 && signed.error.status !== 413)) return signed;
  return joinRoom(runtime.api, idOrAlias, servers);
};

export const removeFrom = async (
  runtime: SessionRuntime,
  roomId: string,
  userId: string,
  how: 'kick' | 'ban',
  reason: string,
): Promise<Result<unknown>> => {
  const membership = how === 'kick' ? 'leave' : 'ban';
  const proof = await membershipProof(runtime, roomId, membership, userId);
  const extra: Content = { ...proof, ...(reason === '' ? {} : { reason }) };
  const signed = await sendState(runtime.api, {
    roomId,
    type: 'm.room.member',
    stateKey: userId,
    content: { ...extra, membership },
  });
  if (signed.ok || signed.error.status !== 400) return signed;
  return how === 'kick' ? kick(runtime.api, roomId, userId, extra) : ban(runtime.api, roomId, userId, extra);
};

export const leave = (runtime: SessionRuntime, roomId: string): Promise<Result<unknown>> =>
  leaveRoom(runtime.api, roomId);

/** Puts a room into a space, or takes it out (client-server API, "Managing rooms within spaces"). */
export const setSpaceChild = (
  runtime: SessionRuntime,
  spaceId: string,
  roomId: string,
  inside: boolean,
): Promise<Result<unknown>> =>
  sendState(runtime.api, {
    roomId: spaceId,
    type: 'm.space.child',
    stateKey: roomId,
    content: inside ? { via: [serverOf(runtime.session.userId)] } : {},
  });

/** Blocks or unblocks a person (m.ignored_user_list). */
export const setBlocked = async (
  runtime: SessionRuntime,
  userId: string,
  blocked: boolean,
): Promise<Result<unknown>> => {
  const stored = await runtime.db.get('accountData', ['', 'm.ignored_user_list']);
  const users = { ...recordOf(stored?.content.ignored_users) };
  if (blocked) users[userId] = {};
  else Reflect.deleteProperty(users, userId);
  return setAccountData(runtime.api, runtime.session.userId, 'm.ignored_user_list', { ignored_users: users });
};

/** An address, id or link as typed by a person, or undefined. */
export const parseAddress = (
  text: string,
): { id: string; via: string[]; eventId: string | undefined } | undefined => {
  const typed = text.trim();
  const link =
    /^https:\/\/matrix\.to\/#\/([^/?]+)(?:\/([^?]+))?(?:\?(.*))?$/.exec(typed) ??
    /#\/room\/([^/?]+)(?:\/([^?]+))?(?:\?(.*))?$/.exec(typed);
  try {
    if (link?.[1] !== undefined) {
      return {
        id: decodeURIComponent(link[1]),
        eventId: link[2] === undefined ? undefined : decodeURIComponent(link[2]),
        via: new URLSearchParams(link[3] ?? '').getAll('via').slice(0, 5),
      };
    }
  } catch {
    return undefined;
  }
  return /^[#!][^\s]{1,254}$/u.test(typed) ? { id: typed, via: [], eventId: undefined } : undefined;
};
