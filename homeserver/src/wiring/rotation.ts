import { FollowDepartures } from '../domain/e2ee/rotation/follow-departures.ts';
import { DepartureGuard } from '../domain/e2ee/rotation/guard-epoch.ts';
import type { DepartureStore } from '../ports/departure-store.ts';
import { MongoDepartureStore } from '../storage/mongo/keys/mongo-departure-store.ts';
import type { Area } from './area.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';

/** Who left which room: judged when messages are sent, followed so that keys change. */
export type Rotation = Area & { readonly guard: DepartureGuard; readonly departures: DepartureStore };

/** How long after a commit the stream is looked through for departures, in ms: a burst is looked through once. */
const FOLLOW_DELAY_MS = 20;

/** Follows the stream of events for departures from encrypted rooms. */
export const wireRotation = (foundation: Foundation, { engine, stores }: EventServices): Rotation => {
  const { db, transact, outbox, relay, stream, platform, roles, resources } = foundation;
  const departures = new MongoDepartureStore({ db, transact, outbox, committed: () => relay.poke() });
  const follower = new FollowDepartures({
    store: departures,
    states: engine.states,
    reader: stores.reader,
    recent: (after, upTo) => engine.feed.between(after, upTo),
    mark: () => engine.caughtUp(),
  });
  const guard = new DepartureGuard({
    store: departures,
    states: engine.states,
    catchUp: () => follower.run(),
    eventById: (id) => engine.events.get(id),
  });
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  /** Highest position of an event that has to be looked at. */
  let wanted = 0;
  const followSoon = (): void => {
    if (stopped || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      follower.run().catch((error: unknown) => {
        platform.logger.warn(
          { err: error },
          'could not look for departures; trying again as the stream goes on',
        );
      });
    }, FOLLOW_DELAY_MS).unref();
  };
  resources.use(
    engine.onCommit((events) => {
      guard.follow(events);
      for (const { memberChanges, stream: position = 0 } of events) {
        const isInteresting = memberChanges.some(
          ({ membership }) => membership === 'leave' || membership === 'ban',
        );
        if (isInteresting) wanted = Math.max(wanted, position);
      }
      if (roles.worker && wanted > follower.reached) followSoon();
    }),
  );
  resources.use(
    // The mark may still have been below the event when it was committed: an older write was under way.
    stream.onAdvance((mark) => {
      if (roles.worker && mark >= wanted && wanted > follower.reached) followSoon();
    }),
  );
  return {
    guard,
    departures,
    start: async () => {
      if (roles.worker) followSoon();
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      if (roles.worker) await follower.run().catch(() => undefined);
    },
  };
};
