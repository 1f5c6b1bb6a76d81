import { z } from 'zod';
import { duration, path, serverName, serverPattern, size, timeout } from '../fields.ts';

export const federationSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe('Talk to other servers at all.')
      .meta({ env: 'NYX_FEDERATION' }),
    allowPrivateAddresses: z
      .boolean()
      .default(false)
      .describe(
        'Connect to loopback, private and link-local addresses. Only for tests and closed networks: it lets other servers point requests of this one at machines behind it.',
      )
      .meta({ env: 'NYX_ALLOW_PRIVATE_ADDRESSES' }),
    extraCa: path()
      .optional()
      .describe('PEM file with certificate authorities to trust besides the public ones.')
      .meta({ env: 'NYX_EXTRA_CA' }),
    allowServers: z
      .array(serverPattern())
      .optional()
      .describe('When set, only these servers are talked to.')
      .meta({ example: ['*.example.org', 'matrix.org'] }),
    denyServers: z
      .array(serverPattern())
      .default([])
      .describe('Servers that are never talked to.')
      .meta({ example: ['*.spam.example'] }),
    trustedKeyServers: z
      .array(serverName())
      .default([])
      .describe('Notaries asked for the keys of servers that do not answer themselves.')
      .meta({ example: ['matrix.org'] }),
    connectTimeout: timeout().prefault('10s').describe('Longest time to connect to another server.'),
    requestTimeout: timeout()
      .prefault('2m')
      .describe('Longest time for a whole request to another server; most are given less.'),
    maxResponse: size()
      .prefault('50MB')
      .describe('Largest answer read from another server (a join to a large room is the largest).'),
    maxRetryInterval: duration()
      .prefault('1d')
      .describe('Longest pause between attempts to reach a server that is down.'),
    publicRooms: z
      .boolean()
      .default(true)
      .describe('Answer other servers that ask for the public room directory.'),
    presence: z.boolean().default(false).describe('Exchange presence with other servers.'),
    typing: z.boolean().default(true).describe('Exchange typing notices with other servers.'),
    receipts: z.boolean().default(true).describe('Exchange read receipts with other servers.'),
    deviceNames: z.boolean().default(false).describe('Tell other servers the display names of devices.'),
    policyServer: z
      .strictObject({
        enabled: z
          .boolean()
          .default(false)
          .describe(
            'Sign events for rooms that appoint this server as their policy server. Its key is published at /.well-known/matrix/policy_server.',
          ),
        deniedTerms: z
          .array(z.string().min(1).max(255))
          .max(1_000)
          .default([])
          .describe('Texts that keep an event out of the rooms whose policy server this is, in either case.')
          .meta({ example: ['buy now'] }),
      })
      .prefault({})
      .describe('Being the policy server of rooms.'),
    profileLookup: z.boolean().default(true).describe('Answer other servers that ask for a profile.'),
  })
  .prefault({})
  .describe('Talking to other Matrix servers.');
