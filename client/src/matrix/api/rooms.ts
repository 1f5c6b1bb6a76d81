import * as z from 'zod/mini';
import { call, empty, path } from './http.ts';
import type { Api } from './http.ts';
import { ok } from './result.ts';
import type { Result } from './result.ts';
import type { Content } from '../types.ts';

const v3 = '/_matrix/client/v3';
const roomIdAnswer = z.object({ room_id: z.string() });
const eventIdAnswer = z.object({ event_id: z.string() });

export type CreateRoom = {
  name?: string;
  topic?: string;
  visibility: 'public' | 'private';
  preset: 'private_chat' | 'public_chat' | 'trusted_private_chat';
  room_alias_name?: string;
  invite?: string[];
  is_direct?: boolean;
  initial_state?: { type: string; state_key: string; content: Content }[];
  creation_content?: Content;
};

export const createRoom = async (api: Api, input: CreateRoom): Promise<Result<string>> => {
  const answer = await call(api, roomIdAnswer, 'POST', `${v3}/createRoom`, {
    body: input,
    timeoutMs: 60_000,
  });
  return answer.ok ? ok(answer.value.room_id) : answer;
};

/** Join by id or alias; `via` names servers that know the room. Joining a far, large room may take a minute. */
export const joinRoom = async (
  api: Api,
  idOrAlias: string,
  via: string[],
  extra: Content = {},
): Promise<Result<string>> => {
  const answer = await call(api, roomIdAnswer, 'POST', path`/_matrix/client/v3/join/${idOrAlias}`, {
    query: { via, server_name: via },
    body: extra,
    timeoutMs: 120_000,
  });
  return answer.ok ? ok(answer.value.room_id) : answer;
};

const memberAction =
  (action: 'invite' | 'kick' | 'ban' | 'unban') =>
  (api: Api, roomId: string, userId: string, extra: Content = {}): Promise<Result<unknown>> =>
    call(api, empty, 'POST', `${path`/_matrix/client/v3/rooms/${roomId}/`}${action}`, {
      body: { ...extra, user_id: userId },
    });

export const invite = memberAction('invite');
export const kick = memberAction('kick');
export const ban = memberAction('ban');
export const unban = memberAction('unban');

export const leaveRoom = (api: Api, roomId: string): Promise<Result<unknown>> =>
  call(api, empty, 'POST', path`/_matrix/client/v3/rooms/${roomId}/leave`, { body: {} });

export const forgetRoom = (api: Api, roomId: string): Promise<Result<unknown>> =>
  call(api, empty, 'POST', path`/_matrix/client/v3/rooms/${roomId}/forget`, { body: {} });

export const sendEvent = async (
  api: Api,
  input: { roomId: string; type: string; txnId: string; content: Content },
): Promise<Result<string>> => {
  const answer = await call(
    api,
    eventIdAnswer,
    'PUT',
    path`/_matrix/client/v3/rooms/${input.roomId}/send/${input.type}/${input.txnId}`,
    { body: input.content },
  );
  return answer.ok ? ok(answer.value.event_id) : answer;
};

export const sendState = async (
  api: Api,
  input: { roomId: string; type: string; stateKey: string; content: Content },
): Promise<Result<string>> => {
  const answer = await call(
    api,
    eventIdAnswer,
    'PUT',
    path`/_matrix/client/v3/rooms/${input.roomId}/state/${input.type}/${input.stateKey}`,
    { body: input.content },
  );
  return answer.ok ? ok(answer.value.event_id) : answer;
};

export const redact = async (
  api: Api,
  input: { roomId: string; eventId: string; txnId: string; reason?: string },
): Promise<Result<string>> => {
  const answer = await call(
    api,
    eventIdAnswer,
    'PUT',
    path`/_matrix/client/v3/rooms/${input.roomId}/redact/${input.eventId}/${input.txnId}`,
    { body: input.reason === undefined ? {} : { reason: input.reason } },
  );
  return answer.ok ? ok(answer.value.event_id) : answer;
};

const messagesAnswer = z.object({
  chunk: z.array(z.unknown()),
  start: z.optional(z.string()),
  end: z.optional(z.string()),
  state: z.catch(z.array(z.unknown()), []),
});

export type MessagesPage = z.output<typeof messagesAnswer>;

export const messages = (
  api: Api,
  input: { roomId: string; from: string | undefined; dir: 'b' | 'f'; limit: number },
): Promise<Result<MessagesPage>> =>
  call(api, messagesAnswer, 'GET', path`/_matrix/client/v3/rooms/${input.roomId}/messages`, {
    query: {
      from: input.from,
      dir: input.dir,
      limit: input.limit,
      filter: JSON.stringify({ lazy_load_members: true }),
    },
  });

const contextAnswer = z.object({
  start: z.optional(z.string()),
  end: z.optional(z.string()),
  event: z.unknown(),
  events_before: z.catch(z.array(z.unknown()), []),
  events_after: z.catch(z.array(z.unknown()), []),
  state: z.catch(z.array(z.unknown()), []),
});

export type ContextPage = z.output<typeof contextAnswer>;

export const context = (
  api: Api,
  roomId: string,
  eventId: string,
  limit: number,
): Promise<Result<ContextPage>> =>
  call(api, contextAnswer, 'GET', path`/_matrix/client/v3/rooms/${roomId}/context/${eventId}`, {
    query: { limit },
  });

export const getEvent = (api: Api, roomId: string, eventId: string): Promise<Result<unknown>> =>
  call(api, z.unknown(), 'GET', path`/_matrix/client/v3/rooms/${roomId}/event/${eventId}`);

const atTime = z.object({ event_id: z.string(), origin_server_ts: z.number() });

/** GET /timestamp_to_event: the first event at or after `ts` (ms). */
export const eventAtTime = (api: Api, roomId: string, ts: number): Promise<Result<z.output<typeof atTime>>> =>
  call(api, atTime, 'GET', path`/_matrix/client/v1/rooms/${roomId}/timestamp_to_event`, {
    query: { ts, dir: 'f' },
  });

export const members = async (api: Api, roomId: string): Promise<Result<unknown[]>> => {
  const answer = await call(
    api,
    z.object({ chunk: z.array(z.unknown()) }),
    'GET',
    path`/_matrix/client/v3/rooms/${roomId}/members`,
    { timeoutMs: 60_000 },
  );
  return answer.ok ? ok(answer.value.chunk) : answer;
};

const publicRoom = z.object({
  room_id: z.string(),
  name: z.catch(z.optional(z.string()), undefined),
  topic: z.catch(z.optional(z.string()), undefined),
  canonical_alias: z.catch(z.optional(z.string()), undefined),
  avatar_url: z.catch(z.optional(z.string()), undefined),
  num_joined_members: z.catch(z.number(), 0),
  join_rule: z.catch(z.optional(z.string()), undefined),
});

export type PublicRoom = z.output<typeof publicRoom>;

const publicRoomsAnswer = z.object({
  chunk: z.array(publicRoom),
  next_batch: z.optional(z.string()),
  total_room_count_estimate: z.optional(z.number()),
});

export const publicRooms = (
  api: Api,
  input: { server?: string; since?: string; search?: string },
): Promise<Result<z.output<typeof publicRoomsAnswer>>> =>
  call(api, publicRoomsAnswer, 'POST', `${v3}/publicRooms`, {
    query: { server: input.server },
    body: {
      limit: 30,
      ...(input.since === undefined ? {} : { since: input.since }),
      ...(input.search === undefined || input.search === ''
        ? {}
        : { filter: { generic_search_term: input.search } }),
    },
  });

export const sendReceipt = (
  api: Api,
  roomId: string,
  eventId: string,
  privately: boolean,
): Promise<Result<unknown>> =>
  call(api, empty, 'POST', path`/_matrix/client/v3/rooms/${roomId}/read_markers`, {
    body: { 'm.fully_read': eventId, [privately ? 'm.read.private' : 'm.read']: eventId },
  });

export const sendTyping = (
  api: Api,
  roomId: string,
  userId: string,
  typing: boolean,
): Promise<Result<unknown>> =>
  call(api, empty, 'PUT', path`/_matrix/client/v3/rooms/${roomId}/typing/${userId}`, {
    body: typing ? { typing: true, timeout: 20_000 } : { typing: false },
  });

export const reportEvent = (
  api: Api,
  roomId: string,
  eventId: string,
  reason: string,
): Promise<Result<unknown>> =>
  call(api, empty, 'POST', path`/_matrix/client/v3/rooms/${roomId}/report/${eventId}`, { body: { reason } });

export const setTag = (
  api: Api,
  input: { userId: string; roomId: string; tag: string; order?: number },
): Promise<Result<unknown>> =>
  call(
    api,
    empty,
    'PUT',
    path`/_matrix/client/v3/user/${input.userId}/rooms/${input.roomId}/tags/${input.tag}`,
    {
      body: input.order === undefined ? {} : { order: input.order },
    },
  );

export const removeTag = (
  api: Api,
  input: { userId: string; roomId: string; tag: string },
): Promise<Result<unknown>> =>
  call(
    api,
    empty,
    'DELETE',
    path`/_matrix/client/v3/user/${input.userId}/rooms/${input.roomId}/tags/${input.tag}`,
  );
