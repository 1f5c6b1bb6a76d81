import { z } from 'zod';
import { duration, secret, secretFile } from '../fields.ts';

export const registrationSchema = z
  .strictObject({
    open: z
      .union([z.boolean(), z.literal('auto')])
      .default('auto')
      .describe(
        'Whether anybody may register. `auto`: yes while the server listens on loopback alone; else a registration token is needed.',
      )
      .meta({ env: 'NYX_REGISTRATION_OPEN', kind: 'true, false or auto' }),
    sharedSecret: secret()
      .optional()
      .describe(
        'Secret with which tools create accounts through `/_synapse/admin/v1/register`. Without it only commands on this machine can (`nyx create-user`).',
      )
      .meta({ env: 'NYX_REGISTRATION_SHARED_SECRET' }),
    sharedSecretFile: secretFile()
      .optional()
      .describe('File that holds `sharedSecret`.')
      .meta({ env: 'NYX_REGISTRATION_SHARED_SECRET_FILE' }),
    guests: z.boolean().default(false).describe('Whether guests may look around without an account.'),
    minPasswordLength: z.number().int().min(1).max(512).default(8).describe('Shortest password.'),
    autoJoinRooms: z
      .array(z.string().startsWith('#'))
      .default([])
      .describe('Aliases of rooms that new users join.')
      .meta({ example: ['#welcome:example.org'] }),
  })
  .prefault({})
  .describe('Who may create an account, and how.');

export const sessionsSchema = z
  .strictObject({
    accessTokenLifetime: duration()
      .prefault('1h')
      .describe('Life of the access tokens of clients that asked for refresh tokens.'),
    refreshTokenLifetime: duration()
      .prefault('90d')
      .describe('A refresh token not used in this time ends its session.'),
    uiaLifetime: duration()
      .prefault('15m')
      .describe('How long an interactive authentication, once begun, may take.'),
  })
  .prefault({})
  .describe('Logged-in devices.');

export const roomsSchema = z
  .strictObject({
    defaultVersion: z
      .enum(['10', '11', '12'])
      .default('12')
      .describe('Version of new rooms.')
      .meta({ env: 'NYX_ROOM_VERSION', example: '12' }),
    directory: z
      .enum(['everyone', 'users', 'nobody'])
      .default('users')
      .describe('Who may list the public rooms of this server.'),
    presence: z.boolean().default(true).describe('Show users of this server whether others are online.'),
    search: z.boolean().default(true).describe('Keep a full-text index of unencrypted messages.'),
  })
  .prefault({})
  .describe('Rooms of this server.');
