import { z } from 'zod';
import type { PluginHost } from '../../plugins/plugin-host.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PluginStorage } from '../../ports/plugin-storage.ts';
import { defineJob } from '../define-job.ts';

const MINUTE_MS = 60_000;

/** Runs whatever schedules of plugins are due. A run that fails is not repeated before the schedule's next time. */
export const pluginTickJob = (host: PluginHost, storage: PluginStorage, clock: Clock) =>
  defineJob({
    name: 'plugins.tick',
    queue: 'maintenance',
    retry: { attempts: 1, backoffMs: MINUTE_MS },
    payload: z.object({}),
    run: async (_payload, { log }) => {
      const run = async (plugin: (typeof host.plugins)[number]): Promise<void> => {
        // What is due stays due while the plugin is not there to do it.
        if (plugin.process.state !== 'active') return;
        const { id, contributes } = plugin.loaded.manifest;
        for (const { name, everyMinutes } of contributes.server.schedules) {
          if (!(await storage.claimDue(id, name, clock.now(), everyMinutes * MINUTE_MS))) continue;
          try {
            await host.tick(plugin, name);
          } catch (error) {
            log.warn({ err: error, plugin: id, schedule: name }, 'a schedule of a plugin failed');
          }
        }
      };
      await Promise.all(host.plugins.map(run));
    },
  });
