import { roomIdSchema, userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { AccountData } from '../../../domain/accounts/account-data.ts';
import { TAGS_TYPE } from '../../../domain/accounts/account-data.ts';
import { DomainError } from '../../../domain/errors.ts';
import { defineRoute } from '../../route.ts';
import { requireOwn } from '../own-user.ts';

const ALL = [
  '/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags',
  '/_matrix/client/r0/user/{userId}/rooms/{roomId}/tags',
];
const ONE = ALL.map((path) => `${path}/{tag}`);
const roomParams = z.object({ userId: userIdSchema, roomId: roomIdSchema });
/** Spec: Room Tagging: a tag has at most 255 bytes. */
const MAX_TAG_BYTES = 255;
const MAX_TAGS = 100;
const tagParams = roomParams.extend({
  tag: z.string().refine((tag) => Buffer.byteLength(tag) <= MAX_TAG_BYTES, 'longer than 255 bytes'),
});

type Tags = Readonly<Record<string, unknown>>;

const tagsIn = (content: Readonly<Record<string, unknown>> | undefined): Tags => {
  const tags = content?.tags;
  return typeof tags === 'object' && tags !== null ? (tags as Tags) : {};
};

/** Spec: GET, PUT and DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags. */
export const tagRoutes = (accountData: AccountData) => [
  defineRoute({
    operation: 'getRoomTags',
    method: 'GET',
    paths: ALL,
    auth: 'access_token',
    limit: 'read',
    params: roomParams,
    handler: async ({ requester, params: { userId, roomId } }) => {
      requireOwn(requester.userId, userId);
      return { body: { tags: tagsIn(await accountData.get(userId, roomId, TAGS_TYPE)) } };
    },
  }),
  defineRoute({
    operation: 'setRoomTag',
    method: 'PUT',
    paths: ONE,
    auth: 'access_token',
    limit: 'profile',
    params: tagParams,
    bodySchema: z.looseObject({ order: z.number().min(0).max(1).optional() }),
    handler: async ({ requester, params: { userId, roomId, tag }, body }) => {
      requireOwn(requester.userId, userId);
      await accountData.update(userId, roomId, TAGS_TYPE, (content) => {
        const tags = { ...tagsIn(content), [tag]: body };
        if (Object.keys(tags).length > MAX_TAGS) throw new DomainError('invalid_param', 'Too many tags');
        return { tags };
      });
      return {};
    },
  }),
  defineRoute({
    operation: 'deleteRoomTag',
    method: 'DELETE',
    paths: ONE,
    auth: 'access_token',
    limit: 'profile',
    params: tagParams,
    handler: async ({ requester, params: { userId, roomId, tag } }) => {
      requireOwn(requester.userId, userId);
      await accountData.update(userId, roomId, TAGS_TYPE, (content) => {
        const { [tag]: _removed, ...tags } = tagsIn(content);
        return { tags };
      });
      return {};
    },
  }),
];
