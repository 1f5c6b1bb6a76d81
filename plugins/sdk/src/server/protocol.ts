import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { manifestSchema } from '../manifest.ts';
import { CHECK_HOOKS, MODIFY_HOOKS, NOTICE_HOOKS } from './hooks.ts';

/** Methods that the host calls in the plugin's process, with the form of their parameters. */
export const HOST_CALLS = {
  /** First of all, once: loads the plugin and runs its `setup`. */
  start: z.object({
    entry: z.string(),
    manifest: manifestSchema,
    config: z.record(z.string(), z.unknown()),
    serverName: z.string(),
  }),
  check: z.object({ hook: z.enum(CHECK_HOOKS), input: z.unknown() }),
  modify: z.object({ hook: z.enum(MODIFY_HOOKS), input: z.unknown() }),
  notice: z.object({ hook: z.enum(NOTICE_HOOKS), input: z.unknown() }),
  request: z.object({
    method: z.string(),
    route: z.string(),
    params: z.record(z.string(), z.string()),
    query: z.record(z.string(), z.string()),
    body: z.unknown().optional(),
    userId: z.string().optional(),
  }),
  tick: z.object({ name: z.string() }),
  /** Answers at once: shows that the process is not stuck. */
  ping: z.object({}),
} as const;

export type HostCall = keyof typeof HOST_CALLS;

const key = z
  .string()
  .min(1)
  .refine((text) => new TextEncoder().encode(text).length <= LIMITS.storageKeyBytes, 'key too long');

/** Methods that the plugin calls in the host, with the form of their parameters. */
export const PLUGIN_CALLS = {
  'storage.get': z.strictObject({ key }),
  'storage.set': z.strictObject({ key, value: z.unknown() }),
  'storage.delete': z.strictObject({ key }),
  'storage.list': z.strictObject({ prefix: z.string().max(LIMITS.storageKeyBytes), after: key.optional() }),
  log: z.strictObject({ level: z.enum(['info', 'warn', 'error']), message: z.string() }),
} as const;

export type PluginCall = keyof typeof PLUGIN_CALLS;

export type PluginCallParams = { readonly [K in PluginCall]: z.output<(typeof PLUGIN_CALLS)[K]> };

/** What a route of a plugin answers, as it reaches the host. */
export const responseSchema = z.strictObject({
  status: z.number().int().min(200).max(599).default(200),
  body: z.unknown().optional(),
});
