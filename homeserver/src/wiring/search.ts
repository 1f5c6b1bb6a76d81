import { DomainError } from '../domain/errors.ts';
import { FollowStream } from '../domain/events/follow-stream.ts';
import { indexEvents } from '../domain/search/index-events.ts';
import { PresentHits } from '../domain/search/present-hits.ts';
import { SearchEvents } from '../domain/search/search-events.ts';
import { FollowMembers } from '../domain/user-directory/follow-members.ts';
import { SearchUsers } from '../domain/user-directory/search-users.ts';
import { searchUsersRoute } from '../http/client/search/search-users.ts';
import { searchRoute } from '../http/client/search/search.ts';
import type { AccountObserver } from '../ports/account-observer.ts';
import type { IgnoredUsers } from '../ports/ignored-users.ts';
import type { ProfileLookup } from '../ports/profile-lookup.ts';
import { MongoSearchIndex } from '../storage/mongo/search/mongo-search-index.ts';
import { MongoUserDirectory } from '../storage/mongo/search/mongo-user-directory.ts';
import { mongoStreamCursors } from '../storage/mongo/stream-cursors.ts';
import type { Area } from './area.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { RoomServices } from './room-services.ts';

export type SearchNeeds = {
  readonly observers: AccountObserver[];
  readonly profiles: ProfileLookup;
  readonly ignored: IgnoredUsers;
};

/** What is new is taken in when nothing was said for this long, in ms; who searches does it at once. */
const QUIET_MS = 2_000;
/** However busy the server is, not later than this after it was said. */
const LATEST_MS = 30_000;
/** Pages taken in before a search, and at a time in the background. */
const SEARCH_PAGES = 20;
const BACKGROUND_PAGES = 4;

/** Takes the stream in while nobody is waiting for anything else. */
const whenQuiet = (foundation: Foundation, { engine }: EventServices, follower: FollowStream) => {
  const { platform, resources } = foundation;
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let latest: number | undefined;
  const look = (): void => {
    latest = undefined;
    timer = undefined;
    follower.run(BACKGROUND_PAGES, stopping.signal).then(
      (isDone) => {
        if (!isDone) later();
      },
      (error: unknown) =>
        platform.logger.warn({ err: error }, 'could not take new events into the search index'),
    );
  };
  const later = (): void => {
    if (stopping.signal.aborted) return;
    const now = platform.monotonic();
    latest ??= now + LATEST_MS;
    clearTimeout(timer);
    timer = setTimeout(look, Math.max(0, Math.min(QUIET_MS, latest - now))).unref();
  };
  resources.use(engine.onCommit(later));
  return {
    start: async () => later(),
    stop: async () => {
      stopping.abort();
      clearTimeout(timer);
      await follower.run(0).catch(() => undefined);
    },
  };
};

/** Search in messages, and for users. */
export const wireSearch = (
  foundation: Foundation,
  events: EventServices,
  services: RoomServices,
  needs: SearchNeeds,
): Area => {
  const { config, db, roles } = foundation;
  const { rooms, userRooms, viewers, getEvent } = services;
  const { engine, present, stores } = events;
  const { search: isOn } = config.rooms;
  const index = new MongoSearchIndex(db);
  const directory = new MongoUserDirectory(db);
  const members = new FollowMembers({
    directory,
    profiles: needs.profiles,
    rooms,
    serverName: config.server.name,
  });
  const follower = new FollowStream({
    name: 'search',
    cursors: mongoStreamCursors(db),
    reader: stores.reader,
    recent: (after, upTo) => engine.feed.between(after, upTo),
    mark: () => engine.caughtUp(),
    take: async (page) => {
      if (isOn) await indexEvents(index, page);
      await members.take(page);
    },
  });
  const catchUp = async (): Promise<void> => {
    await follower.run(SEARCH_PAGES);
  };
  needs.observers.push({
    profileChanged: (user) => members.profileChanged(user),
    registered: (user) => members.profileChanged(user),
    deactivated: (user) => directory.remove(user),
  });
  const searchable = new SearchEvents({
    index,
    viewers,
    userRooms,
    ignored: needs.ignored,
    catchUp: async () => {
      if (!isOn) throw new DomainError('unknown_client_error', 'Search is switched off on this server');
      await catchUp();
    },
  });
  const users = new SearchUsers({ directory, rooms, userRooms, catchUp });
  return {
    routes: [searchRoute(searchable, new PresentHits(viewers, getEvent, present)), searchUsersRoute(users)],
    ...(roles.worker ? whenQuiet(foundation, events, follower) : {}),
  };
};
