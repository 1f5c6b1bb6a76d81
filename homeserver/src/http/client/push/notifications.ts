import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { ListNotifications, Notification } from '../../../domain/push/list-notifications.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { audienceOf, limitQuery } from '../schemas.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
const TOKEN = /^n(\d{1,16})$/;

const query = z.object({
  from: z.string().optional(),
  limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT),
  only: z.string().optional(),
});

const place = (token: string | undefined): number | undefined => {
  if (token === undefined) return undefined;
  const digits = TOKEN.exec(token)?.[1];
  if (digits === undefined) throw new DomainError('invalid_param', 'Unknown token');
  return Number(digits);
};

const shown = ({ room, event, actions, read, ts }: Notification) => ({
  room_id: room,
  event,
  actions,
  read,
  ts,
});

/** Spec: Client-Server API, GET notifications. */
export const notificationsRoute = (notifications: ListNotifications) =>
  defineRoute({
    operation: 'getNotifications',
    method: 'GET',
    paths: clientPaths('/notifications'),
    auth: 'access_token',
    limit: 'read',
    query,
    handler: async ({ requester, query: { from, limit, only } }) => {
      const { notifications: found, next } = await notifications.list({
        audience: audienceOf(requester),
        before: place(from),
        limit,
        onlyHighlights: only === 'highlight',
      });
      return {
        body: {
          notifications: found.map(shown),
          ...(next === undefined ? {} : { next_token: `n${next}` }),
        },
      };
    },
  });
