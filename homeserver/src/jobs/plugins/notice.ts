import { NOTICE_HOOKS } from '@nyx/plugin-sdk/server/hooks.ts';
import { z } from 'zod';
import type { PluginHost } from '../../plugins/plugin-host.ts';
import { defineJob, RetryableError } from '../define-job.ts';

export const PLUGIN_NOTICE_JOB = 'plugins.notice';

/** Tells one plugin what happened, until it has taken it: about three hours long. */
export const pluginNoticeJob = (host: PluginHost) =>
  defineJob({
    name: PLUGIN_NOTICE_JOB,
    queue: 'default',
    retry: { attempts: 12, backoffMs: 5_000 },
    payload: z.object({
      plugin: z.string(),
      hook: z.enum(NOTICE_HOOKS),
      input: z.record(z.string(), z.unknown()),
    }),
    run: async ({ plugin: id, hook, input }) => {
      const plugin = host.plugins.find(({ loaded }) => loaded.manifest.id === id);
      // Removed from the configuration meanwhile: nobody wants to know.
      if (plugin === undefined) return;
      try {
        await host.notice(plugin, hook, input);
      } catch (error) {
        throw new RetryableError('the plugin did not take the notice', { cause: error });
      }
    },
  });
