import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { z } from 'zod';
import { DomainError } from '../../../../domain/errors.ts';
import type { SlidingRequest } from '../../../../domain/sliding/sliding-request.ts';
import type { SlidingSync } from '../../../../domain/sliding/sliding-sync.ts';
import { validate } from '../../../middleware/validate.ts';
import type { Route } from '../../../route.ts';
import { defineRoute } from '../../../route.ts';
import { jsonObjectSchema, self } from '../../schemas.ts';
import type { SyncObserver } from '../sync.ts';
import { listsOf, subscriptionsOf } from './parse-common.ts';
import { stableBody } from './parse-stable.ts';
import { unstableBody } from './parse-unstable.ts';
import { slidingBody } from './write-sliding.ts';

const BODY_BYTES = 256 * 1_024;

type Presence = 'offline' | 'online' | 'unavailable';
const PRESENCES: ReadonlySet<string> = new Set(['offline', 'online', 'unavailable']);
const isPresence = (value: string): value is Presence => PRESENCES.has(value);

const presenceOf = (given: string | undefined): Presence => {
  const presence = given ?? 'online';
  if (!isPresence(presence)) throw new DomainError('invalid_param', 'Unknown value of set_presence');
  return presence;
};

const common = {
  method: 'POST',
  auth: 'access_token',
  allowGuest: true,
  limit: 'none',
  role: 'sync',
  bodyLimit: BODY_BYTES,
  bodySchema: jsonObjectSchema,
} as const;

type Asked = Pick<
  SlidingRequest,
  'connId' | 'pos' | 'timeout' | 'lists' | 'subscriptions' | 'extensions' | 'signal'
>;

const run = (
  sliding: SlidingSync,
  observer: SyncObserver,
  who: { readonly user: UserId; readonly device: string },
  presence: Presence,
  asked: Asked,
) => {
  observer.synced(who.user, presence);
  return sliding.sync({ ...who, ...asked });
};

/** MSC4186 before it was merged, under its unstable path: what Element X and matrix-js-sdk speak. */
export const unstableSlidingSyncRoute = (sliding: SlidingSync, observer: SyncObserver): Route =>
  defineRoute({
    ...common,
    operation: 'slidingSyncUnstable',
    paths: ['/_matrix/client/unstable/org.matrix.simplified_msc3575/sync'],
    query: z.object({
      pos: z.string().optional(),
      timeout: z
        .string()
        .regex(/^\d{1,9}$/, 'not a number')
        .default('0')
        .transform(Number),
      set_presence: z.string().optional(),
    }),
    handler: async ({ query, body: given, requester, request }) => {
      const user = self(requester);
      // The words of this dialect stand for the requester, so its schema is made for them.
      const schema = unstableBody(user);
      const body = validate(schema, given, 'body') as z.output<typeof schema>;
      const who = { user, device: requester.deviceId };
      const response = await run(sliding, observer, who, presenceOf(query.set_presence), {
        connId: body.conn_id,
        pos: query.pos,
        timeout: query.timeout,
        lists: listsOf(body.lists),
        subscriptions: subscriptionsOf(body.room_subscriptions),
        extensions: body.extensions,
        signal: request.signal,
      });
      return {
        body: {
          ...slidingBody(response, 'unstable'),
          ...(body.txn_id === undefined ? {} : { txn_id: body.txn_id }),
        },
      };
    },
  });

/** MSC4186 as it was merged. */
export const slidingSyncRoute = (sliding: SlidingSync, observer: SyncObserver): Route =>
  defineRoute({
    ...common,
    operation: 'slidingSync',
    paths: ['/_matrix/client/v4/sync'],
    bodySchema: stableBody,
    handler: async ({ body, requester, request }) => {
      const who = { user: self(requester), device: requester.deviceId };
      const response = await run(sliding, observer, who, presenceOf(body.set_presence), {
        connId: body.conn_id,
        pos: body.pos,
        timeout: body.timeout,
        lists: listsOf(body.lists),
        subscriptions: subscriptionsOf(body.room_subscriptions),
        extensions: body.extensions,
        signal: request.signal,
      });
      return { body: slidingBody(response, 'stable') };
    },
  });
