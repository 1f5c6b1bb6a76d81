import { LIMITS } from '@nyx/plugin-sdk/limits.ts';
import { RpcError } from '@nyx/plugin-sdk/rpc/messages.ts';
import { storable } from '@nyx/plugin-sdk/server/memory-storage.ts';
import { PLUGIN_CALLS } from '@nyx/plugin-sdk/server/protocol.ts';
import type { Logger } from '../ports/logger.ts';
import type { PluginStorage } from '../ports/plugin-storage.ts';

/** Answers what a plugin asks of the host. Everything it says is parsed; it reaches its own space and nothing else. */
export const servePlugin =
  (plugin: string, storage: PluginStorage, logger: Logger) =>
  async (method: string, params: unknown): Promise<unknown> => {
    try {
      return await answer(plugin, storage, logger, method, params);
    } catch (error) {
      if (error instanceof RpcError) throw error;
      // What went wrong inside the server is not for plugins.
      logger.warn({ err: error, call: method }, 'could not answer a plugin');
      throw new RpcError('unavailable', 'the server cannot do this now');
    }
  };

const answer = async (
  plugin: string,
  storage: PluginStorage,
  logger: Logger,
  method: string,
  params: unknown,
): Promise<unknown> => {
  switch (method) {
    case 'storage.get':
      return storage.get(plugin, parse('storage.get', params).key);
    case 'storage.set': {
      const { key, value } = parse('storage.set', params);
      if (!(await storage.set(plugin, key, storable(key, value))))
        throw new RpcError('quota', 'the storage of this plugin is full');
      return null;
    }
    case 'storage.delete':
      await storage.delete(plugin, parse('storage.delete', params).key);
      return null;
    case 'storage.list': {
      const { prefix, after = '' } = parse('storage.list', params);
      return storage.list(plugin, prefix, after, LIMITS.storagePage);
    }
    case 'log': {
      const { level, message } = parse('log', params);
      logger[level]({ said: message.slice(0, LIMITS.logLine) }, 'plugin message');
      return null;
    }
    default:
      throw new RpcError('unknown_method', 'the host has no such method');
  }
};

const parse = <K extends keyof typeof PLUGIN_CALLS>(call: K, params: unknown) => {
  const parsed = PLUGIN_CALLS[call].safeParse(params);
  if (!parsed.success) throw new RpcError('invalid', `${call}: invalid parameters`);
  return parsed.data as ReturnType<(typeof PLUGIN_CALLS)[K]['parse']>;
};
