import type { NoticeHook } from '@nyx/plugin-sdk/server/hooks.ts';
import { FollowStream } from '../domain/events/follow-stream.ts';
import { pluginRoutes } from '../http/plugins/plugin-routes.ts';
import { PLUGIN_NOTICE_JOB, pluginNoticeJob } from '../jobs/plugins/notice.ts';
import { pluginTickJob } from '../jobs/plugins/tick.ts';
import { tellEvents } from '../plugins/follow-events.ts';
import type { RunningPlugin } from '../plugins/plugin-host.ts';
import type { AccountObserver } from '../ports/account-observer.ts';
import { MongoPluginStorage } from '../storage/mongo/plugins/mongo-plugin-storage.ts';
import { mongoStreamCursors } from '../storage/mongo/stream-cursors.ts';
import type { Area } from './area.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';

const MINUTE_MS = 60_000;
/** Pause before a plugin that could not be told is tried again. */
const RETRY_MS = 1_000;
const PAGES = 100;

const hears = ({ loaded }: RunningPlugin, hook: NoticeHook): boolean =>
  loaded.manifest.contributes.server.notices.includes(hook);

/** What happens to accounts becomes a job per plugin, so that one that fails keeps nobody waiting. */
const accountObserver = ({ plugins, relay }: Foundation): AccountObserver => {
  const tell = async (hook: NoticeHook, input: Readonly<Record<string, string>>): Promise<void> => {
    const listeners = plugins.plugins.filter((plugin) => hears(plugin, hook));
    if (listeners.length === 0) return;
    await relay.enqueue(
      listeners.map(({ loaded }) => ({
        name: PLUGIN_NOTICE_JOB,
        payload: { plugin: loaded.manifest.id, hook, input },
      })),
    );
  };
  return {
    registered: (userId) => tell('onRegistered', { userId }),
    profileChanged: (userId, field) => tell('onProfileChanged', { userId, field }),
    deactivated: (userId) => tell('onDeactivated', { userId }),
  };
};

/** Tells one plugin the stream of events, from where it was when the plugin was first loaded. */
const eventTeller = (foundation: Foundation, { engine, stores }: EventServices, plugin: RunningPlugin) => {
  const { db, platform, plugins, resources, stream } = foundation;
  const name = `plugin:${plugin.loaded.manifest.id}`;
  const logger = platform.logger.child({ plugin: plugin.loaded.manifest.id });
  const cursors = mongoStreamCursors(db);
  const follower = new FollowStream({
    name,
    cursors,
    reader: stores.reader,
    recent: (after, upTo) => engine.feed.between(after, upTo),
    mark: () => engine.caughtUp(),
    take: tellEvents(plugins, plugin, logger),
  });
  const stopping = new AbortController();
  let isRunning = false;
  let isWanted = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    isWanted = true;
    if (isRunning) return;
    isRunning = true;
    try {
      while (isWanted && !stopping.signal.aborted) {
        isWanted = false;
        if (!(await follower.run(PAGES, stopping.signal))) isWanted = true;
      }
    } catch (error) {
      logger.debug({ err: error }, 'could not tell the plugin what happened; trying again');
      timer = setTimeout(() => void look(), RETRY_MS).unref();
    } finally {
      isRunning = false;
    }
  };
  return {
    start: async () => {
      // History from before the plugin is not news.
      if ((await cursors.get(name)) === 0) await cursors.move(name, await engine.caughtUp());
      // A commit is not enough: its event can be read once the mark has reached it.
      resources.use(stream.onAdvance(() => void look()));
      void look();
    },
    stop: () => {
      stopping.abort();
      clearTimeout(timer);
    },
  };
};

/** Server plugins: their processes, routes, schedules, and the news they asked for. */
export const wirePlugins = (
  foundation: Foundation,
  events: EventServices,
  observers: AccountObserver[],
): Area => {
  const { plugins, db, transact, config, platform, roles } = foundation;
  const storage = new MongoPluginStorage(db, transact, config.plugins.maxStorage);
  const tick = pluginTickJob(plugins, storage, platform.clock);
  // Jobs of plugins that were removed may still be waiting.
  const jobs = [tick, pluginNoticeJob(plugins)];
  if (plugins.plugins.length === 0) return { jobs };
  observers.push(accountObserver(foundation));
  const tellers = roles.worker
    ? plugins.plugins
        .filter((plugin) => hears(plugin, 'onEvent'))
        .map((plugin) => eventTeller(foundation, events, plugin))
    : [];
  return {
    jobs,
    schedules: [{ job: tick, everyMs: MINUTE_MS, payload: {} }],
    routes: pluginRoutes(plugins),
    start: async () => {
      await Promise.all(plugins.plugins.map(({ process }) => process.start()));
      for (const teller of tellers) await teller.start();
    },
    stop: async () => {
      for (const teller of tellers) teller.stop();
    },
  };
};
