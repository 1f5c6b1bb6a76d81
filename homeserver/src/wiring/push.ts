import type { GuardedHttp } from '@nyx/federation/http/guarded-http.ts';
import { membershipOf } from '../domain/events/stored-event.ts';
import { randomToken } from '../domain/ids.ts';
import { countBadge } from '../domain/push/count-badge.ts';
import { DeliverPushes } from '../domain/push/deliver-pushes.ts';
import { FindPushes } from '../domain/push/find-pushes.ts';
import { FollowEvents } from '../domain/push/follow-events.ts';
import { ListNotifications } from '../domain/push/list-notifications.ts';
import { PusherUsers } from '../domain/push/pusher-users.ts';
import { Pushers } from '../domain/push/set-pusher.ts';
import { hasRead } from '../domain/receipts/has-read.ts';
import { notificationsRoute } from '../http/client/push/notifications.ts';
import { pusherRoutes } from '../http/client/push/pushers.ts';
import { deliverPushesJob } from '../jobs/push/deliver.ts';
import type { IgnoredUsers } from '../ports/ignored-users.ts';
import type { PushRules } from '../ports/push-rules.ts';
import type { DeviceWakes, Push, PushQueue } from '../ports/pushers.ts';
import { MongoPushQueue } from '../storage/mongo/push/mongo-push-queue.ts';
import { MongoPushers } from '../storage/mongo/push/mongo-pushers.ts';
import type { Accounts } from './accounts.ts';
import type { Area } from './area.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';
import { httpPushGateway } from './push-gateway.ts';
import type { RoomServices } from './room-services.ts';
import type { SignsOfLife } from './signs-of-life.ts';

/** Who has pushers, and what waits for them. Made early: keys wake devices through it. */
export type PushStores = {
  readonly pushers: MongoPushers;
  readonly users: PusherUsers;
  readonly queue: PushQueue;
  readonly wakes: DeviceWakes;
};

/** Opens the stores of push notifications. */
export const wirePushStores = (foundation: Foundation): PushStores => {
  const { config, db, transact, outbox, relay, bus, platform, resources } = foundation;
  const { clock } = platform;
  const pushers = new MongoPushers(db, clock);
  const users = resources.use(new PusherUsers(pushers, bus, clock));
  const { enabled, maxAge } = config.push;
  const queue = new MongoPushQueue({
    db,
    transact,
    outbox,
    committed: () => relay.poke(),
    maxAgeMs: maxAge,
  });
  return {
    pushers,
    users,
    queue,
    wakes: {
      wake: async ({ userId, deviceId }) => {
        if (!enabled) return;
        const own = await pushers.ofUsers([userId]);
        const at = clock.now();
        const ofDevice = own.filter((pusher) => pusher.deviceId === deviceId);
        await queue.add(ofDevice.map(({ id }): Push => ({ kind: 'wake', pusher: id, at })));
      },
    },
  };
};

export type PushNeeds = {
  readonly accounts: Pick<Accounts, 'devices' | 'observers'>;
  readonly rooms: RoomServices;
  readonly life: SignsOfLife;
  readonly rules: PushRules;
  readonly ignored: IgnoredUsers;
  readonly http: GuardedHttp;
};

/** How long after a commit of this process the stream is looked through, in ms: a burst is looked through once. */
const FOLLOW_DELAY_MS = 20;
/** The same for commits of others, who look themselves: only if they do not. */
const FOREIGN_DELAY_MS = 1_000;
const REFRESH_MS = 30_000;
const ID_LENGTH = 16;

/** Calls back once, at the earliest of the times asked for. */
const soonest = (run: () => void) => {
  let timer: NodeJS.Timeout | undefined;
  let due = Infinity;
  return {
    within: (milliseconds: number, now: number): void => {
      if (timer !== undefined && now + milliseconds >= due) return;
      clearTimeout(timer);
      due = now + milliseconds;
      timer = setTimeout(() => {
        timer = undefined;
        run();
      }, milliseconds).unref();
    },
    stop: (): void => clearTimeout(timer),
  };
};

const deliveryOf = (foundation: Foundation, stores: PushStores, needs: PushNeeds): DeliverPushes => {
  const { config, platform } = foundation;
  const { rooms, life, accounts, http } = needs;
  return new DeliverPushes({
    store: stores.pushers,
    leases: stores.pushers,
    queue: stores.queue,
    gateway: httpPushGateway(http, config.push.timeout),
    rooms: rooms.rooms,
    badge: (user) => countBadge(rooms.userRooms, life.unread, user),
    isSettled: async (user, { room, event: id }) => {
      const membership = await rooms.rooms.membership(room, user);
      if (membership !== 'join' && membership !== 'invite') return true;
      const event = await rooms.rooms.engine.events.get(id);
      if (event === undefined) return true;
      // Who has joined meanwhile knows of the invite.
      if (membership === 'join' && membershipOf(event.pdu) === 'invite' && event.pdu.stateKey === user)
        return true;
      return hasRead((await life.receipts.ofUser(user)).get(room) ?? [], event);
    },
    isAlive: async ({ userId, deviceId, sessionId }) =>
      (await accounts.devices.find(userId, deviceId))?.sessionId === sessionId,
    clock: platform.clock,
    newId: () => randomToken(platform.random, ID_LENGTH),
    maxAgeMs: config.push.maxAge,
  });
};

/** Follows events and receipts, and leaves what is to be pushed. */
const follow = (
  foundation: Foundation,
  stores: PushStores,
  { engine, stores: events }: EventServices,
  needs: PushNeeds,
) => {
  const { config, platform, resources } = foundation;
  const { clock, logger } = platform;
  const { users, queue, pushers } = stores;
  const finder = new FindPushes({
    rooms: needs.rooms.rooms,
    rules: needs.rules,
    ignored: needs.ignored,
    users,
    store: pushers,
  });
  const follower = new FollowEvents({
    queue,
    pushesOf: (event) => finder.of(event),
    reader: events.reader,
    recent: (after, upTo) => engine.feed.between(after, upTo),
    mark: () => engine.caughtUp(),
    clock,
    maxAgeMs: config.push.maxAge,
  });
  const soon = soonest(() => {
    follower
      .run()
      .catch((error: unknown) =>
        logger.warn({ err: error }, 'could not look for what to push; trying again'),
      );
  });
  const look = (milliseconds: number) => soon.within(milliseconds, platform.monotonic());
  resources.use(
    engine.onCommit((_events, origin) => look(origin === 'here' ? FOLLOW_DELAY_MS : FOREIGN_DELAY_MS)),
  );
  resources.use(
    needs.life.receipts.onReceipt(({ user, ts }) => {
      if (!users.has(user)) return;
      const told = async () => {
        const own = await pushers.ofUsers([user]);
        await queue.add(own.map(({ id }): Push => ({ kind: 'badge', pusher: id, at: ts })));
      };
      told().catch((error: unknown) => logger.warn({ err: error }, 'could not tell pushers of a receipt'));
    }),
  );
  let timer: NodeJS.Timeout | undefined;
  return {
    start: async () => {
      await users.refresh();
      timer = setInterval(() => {
        users
          .refresh()
          .catch((error: unknown) => logger.debug({ err: error }, 'could not read who has pushers'));
      }, REFRESH_MS).unref();
      look(0);
    },
    stop: async () => {
      clearInterval(timer);
      soon.stop();
      await follower.run().catch(() => undefined);
    },
  };
};

/** Push notifications. */
export const wirePush = (
  foundation: Foundation,
  stores: PushStores,
  events: EventServices,
  needs: PushNeeds,
): Area => {
  const { config, platform, roles } = foundation;
  const { pushers, users } = stores;
  const { accounts, rooms, life } = needs;
  accounts.observers.devices.push({
    devicesAdded: () => Promise.resolve(),
    devicesRenamed: () => Promise.resolve(),
    devicesRemoved: (userId, deviceIds) => pushers.removeOfDevices(userId, deviceIds),
  });
  accounts.observers.accounts.push({ deactivated: (userId) => pushers.removeOfUser(userId) });
  const set = new Pushers({
    store: pushers,
    users,
    clock: platform.clock,
    allowInsecure: config.federation.allowPrivateAddresses,
  });
  const notifications = new ListNotifications({
    viewers: rooms.viewers,
    userRooms: rooms.userRooms,
    receipts: life.receipts,
    rules: needs.rules,
    ignored: needs.ignored,
    present: events.present,
  });
  const following = config.push.enabled && roles.worker ? follow(foundation, stores, events, needs) : {};
  return {
    routes: [...pusherRoutes(set), notificationsRoute(notifications)],
    jobs: [deliverPushesJob(deliveryOf(foundation, stores, needs))],
    ...following,
  };
};
