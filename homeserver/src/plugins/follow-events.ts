import { RpcError } from '@nyx/plugin-sdk/rpc/messages.ts';
import type { StoredEvent } from '../domain/events/stored-event.ts';
import type { Logger } from '../ports/logger.ts';
import { pluginEvent } from './plugin-event.ts';
import type { PluginHost, RunningPlugin } from './plugin-host.ts';

/** Tries before an event that the plugin itself refuses to take is passed over. */
const MAX_TRIES = 3;

/** Failures of the plugin's process rather than of its handler: the event waits until it runs again. */
const WAITS_FOR: ReadonlySet<string> = new Set(['down', 'closed', 'timeout', 'busy']);

/** Tells a plugin the events of a page in their order. Throws while it cannot be told; the page then comes again. */
export const tellEvents =
  (host: PluginHost, plugin: RunningPlugin, logger: Logger) =>
  async (events: readonly StoredEvent[]): Promise<void> => {
    for (const event of events) {
      for (let tries = 1; ; tries++) {
        try {
          await host.notice(plugin, 'onEvent', { event: pluginEvent(event) });
          break;
        } catch (error) {
          if (!(error instanceof RpcError) || WAITS_FOR.has(error.code)) throw error;
          if (tries < MAX_TRIES) continue;
          logger.warn({ event: event.id }, 'passed over an event that the plugin does not take');
          break;
        }
      }
    }
  };
