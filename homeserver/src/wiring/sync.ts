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
import { TimelineSlices } from '../domain/sync/timeline-section.ts';
import { WaitForSync } from '../domain/sync/wait-for-sync.ts';
import type { FilterStore } from '../ports/accounts.ts';
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
  readonly accountData: AccountDataChangesSource;
  readonly filters: FilterStore;
  readonly ignored: IgnoredUsers;
  readonly keys: Keys;
  readonly life: SignsOfLife;
};

/** /sync. */
export const wireSync = (
  foundation: Foundation,
  { engine, visibility, present }: EventServices,
  { rooms, pages, userRooms, messages, getState: state, list, getEvent: event }: RoomServices,
  needs: SyncNeeds,
): Area => {
  const { notifier, stream, platform, resources } = foundation;
  const { life } = needs;
  const quiet = resources.use(new QuietKeys(notifier, () => stream.mark()));
  const sections = new RoomSections({
    rooms,
    visibility,
    slices: new TimelineSlices(pages),
    events: engine.events,
    states: new StateSections(engine.events, engine.states, new LazyMembers()),
    present,
    unread: life.unread,
  });
  const compute = new ComputeSync({
    changed: new ChangedRooms(engine),
    sections,
    stripped: new StrippedRooms(rooms, needs.ignored),
    accountData: new AccountDataNews(needs.accountData, quiet),
    devices: {
      toDevice: toDeviceSource(needs.keys, quiet),
      lists: deviceListSource(needs.keys, rooms, quiet),
      keys: keyCountSource(needs.keys, quiet),
    },
    others: { ephemeral: life.ephemeral, presence: life.presence },
  });
  const waiter = new WaitForSync({
    engine,
    userRooms,
    compute,
    notifier,
    positions: stream,
    clock: platform.clock,
  });
  const old = { waiter, rooms, messages, state, list, event };
  return {
    routes: [
      syncRoute(waiter, needs.filters, life.presence),
      getEventsRoute(old),
      initialSyncRoute(old),
      roomInitialSyncRoute(old),
      getOneEventRoute(old),
    ],
  };
};
