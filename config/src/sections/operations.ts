import { z } from 'zod';
import { duration, path, secret, secretFile, size, timeout } from '../fields.ts';

export const loggingSchema = z
  .strictObject({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .describe('Least severe level that is written.')
      .meta({ env: 'NYX_LOG_LEVEL' }),
    format: z
      .enum(['json', 'pretty'])
      .default('json')
      .describe('`json`: one object per line; `pretty`: for reading on a terminal.')
      .meta({ env: 'NYX_LOG_FORMAT' }),
    access: z.boolean().default(true).describe('Write a line per request (without tokens and content).'),
  })
  .prefault({})
  .describe(
    'The log of a running server goes to standard output. Messages for whoever starts it, and the logs of other commands, go to standard error.',
  );

const pluginHookSchema = z.strictObject({
  onFailure: z
    .enum(['open', 'closed'])
    .optional()
    .describe('What a failure or time-out of the plugin means: go on without it, or refuse.'),
  timeout: timeout().optional().describe('Longest time for this hook, instead of `hookTimeout`.'),
});

const pluginSchema = z.strictObject({
  path: path().describe('Folder of the plugin, or name of its npm package.'),
  enabled: z.boolean().default(true).describe('Load it.'),
  config: z.record(z.string(), z.unknown()).default({}).describe('Handed to the plugin as it is.'),
  hooks: z
    .record(z.string(), pluginHookSchema)
    .default({})
    .describe('Decisions about single hooks, by name, e.g. `checkEvent: { onFailure: closed }`.'),
});

export const pluginsSchema = z
  .strictObject({
    load: z.array(pluginSchema).max(50).default([]).describe('Server plugins, called in this order.'),
    hookTimeout: timeout().prefault('1s').describe('Longest time a plugin may hold a request at one hook.'),
    maxMemoryMegabytes: z.number().int().min(16).default(128).describe('Heap of one plugin process, in MiB.'),
    maxCalls: z
      .number()
      .int()
      .min(1)
      .max(1_000)
      .default(64)
      .describe('Calls that one plugin may have under way; more count as failures at once.'),
    maxStorage: size().prefault('5MiB').describe('Bytes that one plugin may keep in the database.'),
  })
  .prefault({})
  .describe('Server plugins, each in a process of its own.');

export const pushSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Send push notifications.'),
    timeout: timeout().prefault('10s').describe('Longest time for one push gateway to answer.'),
    maxAge: duration()
      .prefault('1d')
      .describe('A notification that could not be delivered in this time is dropped.'),
  })
  .prefault({})
  .describe('Push notifications.');

export const turnSchema = z
  .strictObject({
    uris: z
      .array(z.string().regex(/^(turns?|stuns?):/, 'expected turn:, turns: or stun: addresses'))
      .default([])
      .describe('TURN servers for calls. Without any, calls work only where a direct path exists.')
      .meta({ env: 'NYX_TURN_URIS', example: ['turn:turn.example.org?transport=udp'] }),
    sharedSecret: secret()
      .optional()
      .describe(
        'Secret shared with coturn (`static-auth-secret`), from which short-lived credentials are made.',
      )
      .meta({ env: 'NYX_TURN_SHARED_SECRET' }),
    sharedSecretFile: secretFile()
      .optional()
      .describe('File that holds `sharedSecret`.')
      .meta({ env: 'NYX_TURN_SHARED_SECRET_FILE' }),
    username: z
      .string()
      .min(1)
      .optional()
      .describe('Fixed user name, for TURN servers without a shared secret.'),
    password: secret().optional().describe('Password of `username`.'),
    passwordFile: secretFile().optional().describe('File that holds `password`.'),
    lifetime: duration().prefault('1d').describe('Life of the credentials that clients get.'),
  })
  .prefault({})
  .describe('Relays for calls.');
