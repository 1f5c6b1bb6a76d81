import { z } from 'zod';
import { duration, path, secret, secretFile } from '../fields.ts';

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
  .describe('Logs go to standard output.');

const pluginSchema = z.strictObject({
  path: path().describe('Folder of the plugin, or name of its npm package.'),
  enabled: z.boolean().default(true).describe('Load it.'),
  config: z.record(z.string(), z.unknown()).default({}).describe('Handed to the plugin as it is.'),
});

export const pluginsSchema = z
  .strictObject({
    load: z.array(pluginSchema).max(50).default([]).describe('Server plugins, called in this order.'),
    hookTimeout: duration().prefault('1s').describe('Longest time a plugin may hold a request at one hook.'),
    maxMemoryMegabytes: z.number().int().min(16).default(128).describe('Heap of one plugin process, in MiB.'),
  })
  .prefault({})
  .describe('Server plugins, each in a process of its own.');

const vapidSchema = z
  .strictObject({
    subject: z.string().min(1).describe('`mailto:` or `https:` address that push services may write to.'),
    publicKey: z.string().min(1).describe('Public key, base64url.'),
    privateKey: secret().optional().describe('Private key, base64url.'),
    privateKeyFile: secretFile().optional().describe('File that holds `privateKey`.'),
  })
  .optional()
  .describe('Keys of web push. Generated on the first start when not set.');

export const pushSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Send push notifications.'),
    timeout: duration().prefault('10s').describe('Longest time for one push gateway to answer.'),
    maxAge: duration()
      .prefault('1d')
      .describe('A notification that could not be delivered in this time is dropped.'),
    vapid: vapidSchema,
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
