import {
  getEventsRoute,
  getOneEventRoute,
  initialSyncRoute,
  roomInitialSyncRoute,
} from '../http/client/sync/old-sync.ts';
import { syncRoute } from '../http/client/sync/sync.ts';
import { AccountDataNews, type AccountDataChangesSource } from '../domain/sync/account-data-news.ts';
import { ChangedRooms } from '../domain/sync/changed-rooms.ts';
import { ComputeSync } from '../domain/sync/compute-sync.ts';
import { LazyMembers } from '../domain/sync/lazy-members.ts';
import { QuietKeys } from '../domain/sync/quiet-keys.ts';
import { RoomSections } from '../domain/sync/room-sections.ts';
import { StateSections } from '../domain/sync/state-section.ts';
import { StrippedRooms } from '../domain/sync/stripped-rooms.ts';
import { SyncMoments } from '../domain/sync/sync-moments.ts';
import { TimelineSlices } from '../domain/sync/timeline-section.ts';
import { WaitForSync } from '../domain/sync/wait-for-sync.ts';
import type { NewsFeedDeps } from '../socket/news-feed.ts';
import type { AccountData } from '../domain/accounts/account-data.ts';
import { BumpStamps } from '../domain/sliding/bump-stamps.ts';
import { RoomLists } from '../domain/sliding/room-lists.ts';
import { UserRoomMarks } from '../domain/sliding/room-marks.ts';
import { SlidingConnections } from '../domain/sliding/sliding-connections.ts';
import { SlidingExtensions } from '../domain/sliding/sliding-extensions.ts';
import { SlidingRooms } from '../domain/sliding/sliding-rooms.ts';
import { SlidingSync } from '../domain/sliding/sliding-sync.ts';
import { slidingSyncRoute, unstableSlidingSyncRoute } from '../http/client/sync/sliding/sliding-sync.ts';
import { MongoSlidingConnections } from '../storage/mongo/sync/mongo-sliding-connections.ts';
import type { AccountDataStore, FilterStore } from '../ports/accounts.ts';
import type { IgnoredUsers } from '../ports/ignored-users.ts';
import type { Area } from './area.ts';
import { deviceListSource, keyCountSource, toDeviceSource } from './device-sync.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Keys } from './keys.ts';
import type { SignsOfLife } from './signs-of-life.ts';
import type { RoomServices } from './room-services.ts';

/** What /sync tells besides rooms. */
export type SyncNeeds = {
  readonly accountData: AccountDataChangesSource & Pick<AccountData, 'onChange'>;
  readonly accountDataStore: AccountDataStore;
  readonly filters: FilterStore;
  readonly ignored: IgnoredUsers;
  readonly keys: Keys;
  readonly life: SignsOfLife;
};

/** What sockets are made of. */
export type Sync = Area & { readonly news: NewsFeedDeps };

/** /sync. */
export const wireSync = (
  foundation: Foundation,
  { engine, visibility, present }: EventServices,
  { rooms, pages, userRooms, messages, getState: state, list, getEvent: event }: RoomServices,
  needs: SyncNeeds,
): Sync => {
  const { notifier, stream, platform, resources, config, db } = foundation;
  const { life } = needs;
  const quiet = resources.use(new QuietKeys(notifier, () => stream.mark()));
  const slices = new TimelineSlices(pages);
  const sections = new RoomSections({
    rooms,
    visibility,
    slices,
    events: engine.events,
    states: new StateSections(engine.events, engine.states, new LazyMembers()),
    present,
    unread: life.unread,
  });
  const toDevice = toDeviceSource(needs.keys, quiet);
  const changed = new ChangedRooms(engine);
  const stripped = new StrippedRooms(rooms, needs.ignored);
  const accountData = new AccountDataNews(needs.accountData, quiet);
  const lists = deviceListSource(needs.keys, rooms, quiet);
  const keys = keyCountSource(needs.keys, quiet);
  const compute = new ComputeSync({
    changed,
    sections,
    stripped,
    accountData,
    devices: { toDevice, lists, keys },
    others: { ephemeral: life.ephemeral, presence: life.presence },
  });
  const moments = new SyncMoments({ engine, userRooms, notifier, positions: stream });
  const waiter = new WaitForSync({ moments, compute, clock: platform.clock });
  const marks = new UserRoomMarks(needs.accountDataStore);
  needs.accountData.onChange((user) => marks.forget(user));
  const sliding = new SlidingSync(
    {
      moments,
      connections: new SlidingConnections(new MongoSlidingConnections(db, platform.clock), platform.random),
      lists: new RoomLists(rooms, stripped),
      marks,
      changed,
      rooms: new SlidingRooms({
        rooms,
        visibility,
        slices,
        present,
        stripped,
        unread: life.unread,
        bumps: new BumpStamps(engine.events),
      }),
    },
    new SlidingExtensions({
      toDevice,
      lists,
      keys,
      accountData,
      ephemeral: life.ephemeral,
      feed: engine.feed,
      changesBetween: needs.keys.changesBetween,
    }),
    platform.clock,
  );
  const old = { waiter, rooms, messages, state, list, event };
  return {
    news: { waiter, moments, toDevice },
    unstableFeatures: {
      'chat.nyx.socket': config.server.socket.enabled,
      'org.matrix.simplified_msc3575': true,
    },
    routes: [
      syncRoute(waiter, needs.filters, life.presence),
      unstableSlidingSyncRoute(sliding, life.presence),
      slidingSyncRoute(sliding, life.presence),
      getEventsRoute(old),
      initialSyncRoute(old),
      roomInitialSyncRoute(old),
      getOneEventRoute(old),
    ],
  };
};
