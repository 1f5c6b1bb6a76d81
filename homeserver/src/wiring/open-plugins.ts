import { loadPlugins } from '../plugins/load-plugins.ts';
import { PluginHost } from '../plugins/plugin-host.ts';
import { PluginProcess } from '../plugins/plugin-process.ts';
import { servePlugin } from '../plugins/serve-plugin.ts';
import { MongoPluginStorage } from '../storage/mongo/plugins/mongo-plugin-storage.ts';
import type { Config } from '@nyx/config/schema.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Platform } from '../ports/platform.ts';
import type { MongoDatabase } from '../storage/mongo/connection.ts';
import type { Transact } from '../storage/mongo/transaction.ts';

type Ground = {
  readonly config: Config;
  readonly platform: Platform;
  readonly metrics: Metrics;
  readonly db: MongoDatabase;
  readonly transact: Transact;
  readonly resources: AsyncDisposableStack;
};

/** Reads the plugins of the configuration; their processes are started by `wirePlugins`. Throws `PluginLoadError`. */
export const openPlugins = ({ config, platform, metrics, db, transact, resources }: Ground): PluginHost => {
  const { maxMemoryMegabytes, maxCalls, maxStorage } = config.plugins;
  const storage = new MongoPluginStorage(db, transact, maxStorage);
  const plugins = loadPlugins(config.plugins).map((loaded) => {
    const logger = platform.logger.child({ plugin: loaded.manifest.id });
    const process = resources.use(
      new PluginProcess({
        plugin: loaded,
        serverName: config.server.name,
        maxMemoryMegabytes,
        maxCalls,
        serve: servePlugin(loaded.manifest.id, storage, logger),
        logger,
        monotonic: platform.monotonic,
      }),
    );
    return { loaded, process };
  });
  const meter =
    plugins.length === 0
      ? () => undefined
      : metrics.counterBy('nyx_plugin_calls_total', 'Calls of plugins, by how they ended', [
          'plugin',
          'call',
          'outcome',
        ]);
  return new PluginHost(plugins, meter);
};
