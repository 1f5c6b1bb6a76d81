import { z } from 'zod';
import type { SearchUsers } from '../../../domain/user-directory/search-users.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 50;
const MAX_TERM = 255;

const body = z.object({
  search_term: z.string().max(MAX_TERM),
  limit: z
    .number()
    .int()
    .min(0)
    .default(DEFAULT_LIMIT)
    .transform((limit) => Math.min(limit, MAX_LIMIT)),
});

/** Spec: Client-Server API, POST user_directory/search. */
export const searchUsersRoute = (search: SearchUsers) =>
  defineRoute({
    operation: 'searchUserDirectory',
    method: 'POST',
    paths: clientPaths('/user_directory/search'),
    auth: 'access_token',
    limit: 'search',
    bodySchema: body,
    handler: async ({ requester, body: { search_term: term, limit } }) => {
      const { users, limited } = await search.search(requester.userId, term, limit);
      return {
        body: {
          limited,
          results: users.map(({ userId, displayName, avatarUrl }) => ({
            user_id: userId,
            ...(displayName === undefined ? {} : { display_name: displayName }),
            ...(avatarUrl === undefined ? {} : { avatar_url: avatarUrl }),
          })),
        },
      };
    },
  });
