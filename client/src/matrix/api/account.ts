import * as z from 'zod/mini';
import { call, empty, path } from './http.ts';
import type { Api } from './http.ts';
import { ok } from './result.ts';
import type { Result } from './result.ts';
import type { Content } from '../types.ts';

const profileAnswer = z.looseObject({
  displayname: z.catch(z.optional(z.nullable(z.string())), undefined),
  avatar_url: z.catch(z.optional(z.nullable(z.string())), undefined),
});

export type Profile = { name: string | undefined; avatar: string | undefined };

export const profile = async (api: Api, userId: string): Promise<Result<Profile>> => {
  const answer = await call(api, profileAnswer, 'GET', path`/_matrix/client/v3/profile/${userId}`);
  if (!answer.ok) return answer;
  return ok({ name: answer.value.displayname ?? undefined, avatar: answer.value.avatar_url ?? undefined });
};

export const setDisplayName = (api: Api, userId: string, name: string): Promise<Result<unknown>> =>
  call(api, empty, 'PUT', path`/_matrix/client/v3/profile/${userId}/displayname`, {
    body: { displayname: name },
  });

export const setAvatar = (api: Api, userId: string, mxc: string): Promise<Result<unknown>> =>
  call(api, empty, 'PUT', path`/_matrix/client/v3/profile/${userId}/avatar_url`, {
    body: { avatar_url: mxc },
  });

export const setAccountData = (
  api: Api,
  userId: string,
  type: string,
  content: Content,
): Promise<Result<unknown>> =>
  call(api, empty, 'PUT', path`/_matrix/client/v3/user/${userId}/account_data/${type}`, { body: content });

export const setRoomAccountData = (
  api: Api,
  input: { userId: string; roomId: string; type: string; content: Content },
): Promise<Result<unknown>> =>
  call(
    api,
    empty,
    'PUT',
    path`/_matrix/client/v3/user/${input.userId}/rooms/${input.roomId}/account_data/${input.type}`,
    { body: input.content },
  );

const ownKeys = z.object({ master_keys: z.catch(z.record(z.string(), z.unknown()), {}) });

/** Whether the account has cross-signing keys: another device of it was set up before (POST /keys/query). */
export const hasIdentity = async (api: Api, userId: string): Promise<Result<boolean>> => {
  const answer = await call(api, ownKeys, 'POST', '/_matrix/client/v3/keys/query', {
    body: { device_keys: { [userId]: [] } },
    timeoutMs: 12_000,
  });
  return answer.ok ? ok(userId in answer.value.master_keys) : answer;
};

const foundUser = z.object({
  user_id: z.string(),
  display_name: z.catch(z.optional(z.nullable(z.string())), undefined),
  avatar_url: z.catch(z.optional(z.nullable(z.string())), undefined),
});

export type FoundUser = { userId: string; name: string | undefined; avatar: string | undefined };

export const searchUsers = async (api: Api, term: string): Promise<Result<FoundUser[]>> => {
  const answer = await call(
    api,
    z.object({ results: z.array(foundUser) }),
    'POST',
    '/_matrix/client/v3/user_directory/search',
    { body: { search_term: term, limit: 20 } },
  );
  if (!answer.ok) return answer;
  return ok(
    answer.value.results.map((user) => ({
      userId: user.user_id,
      name: user.display_name ?? undefined,
      avatar: user.avatar_url ?? undefined,
    })),
  );
};

const presenceAnswer = z.object({
  presence: z.string(),
  last_active_ago: z.optional(z.number()),
  status_msg: z.optional(z.nullable(z.string())),
});

export const presenceOf = (api: Api, userId: string): Promise<Result<z.output<typeof presenceAnswer>>> =>
  call(api, presenceAnswer, 'GET', path`/_matrix/client/v3/presence/${userId}/status`);

export const setPushRuleEnabled = (
  api: Api,
  kind: string,
  ruleId: string,
  enabled: boolean,
): Promise<Result<unknown>> =>
  call(api, empty, 'PUT', path`/_matrix/client/v3/pushrules/global/${kind}/${ruleId}/enabled`, {
    body: { enabled },
  });

/** Put a room rule ("all messages" or "mute") or take it away. */
export const setRoomPushRule = async (
  api: Api,
  roomId: string,
  mode: 'all' | 'mentions' | 'mute',
): Promise<Result<unknown>> => {
  const room = path`/_matrix/client/v3/pushrules/global/room/${roomId}`;
  const override = path`/_matrix/client/v3/pushrules/global/override/${roomId}`;
  if (mode === 'mute') {
    return await call(api, empty, 'PUT', override, {
      body: { conditions: [{ kind: 'event_match', key: 'room_id', pattern: roomId }], actions: [] },
    });
  }
  // Muted before: the override stands before the room's own rule. Not there is as good as taken away.
  const unmuted = await call(api, empty, 'DELETE', override);
  if (!unmuted.ok && unmuted.error.status !== 404) return unmuted;
  return call(api, empty, 'PUT', room, {
    body: { actions: mode === 'all' ? ['notify', { set_tweak: 'sound', value: 'default' }] : [] },
  });
};
