import { isUserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { UserRooms } from '../../../domain/rooms/user-rooms.ts';
import { defineRoute } from '../../route.ts';
import { self } from '../schemas.ts';

const PAGE = 500;
const TOKEN = /^m(\d{1,9})$/;

/** Spec: Client-Server API, GET mutual_rooms. */
export const mutualRoomsRoute = (userRooms: UserRooms) =>
  defineRoute({
    operation: 'getMutualRooms',
    method: 'GET',
    paths: ['/_matrix/client/v1/mutual_rooms'],
    auth: 'access_token',
    limit: 'read',
    query: z.object({ user_id: z.string(), from: z.string().optional() }),
    handler: async ({ query: { user_id: other, from }, requester }) => {
      const user = self(requester);
      if (other === user) throw new DomainError('invalid_param', 'That is you');
      const skip = from === undefined ? 0 : Number(TOKEN.exec(from)?.[1] ?? NaN);
      if (Number.isNaN(skip)) throw new DomainError('invalid_param', 'Unknown token');
      const theirs = new Set(isUserId(other) ? await userRooms.joined(other) : []);
      const mutual = (await userRooms.joined(user)).filter((room) => theirs.has(room)).sort();
      const joined = mutual.slice(skip, skip + PAGE);
      const end = skip + joined.length;
      return {
        body: { joined, count: mutual.length, ...(end < mutual.length ? { next_batch: `m${end}` } : {}) },
      };
    },
  });
