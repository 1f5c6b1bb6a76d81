import { z } from 'zod';
import { rateLimit } from '../fields.ts';

export const rateLimitsSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe('Limit how fast one user or address may act.')
      .meta({ env: 'NYX_RATE_LIMITS' }),
    login: rateLimit(0.2, 10).describe('Logins, by address and by account.'),
    registration: rateLimit(0.1, 10).describe('Registrations, by address.'),
    message: rateLimit(10, 100).describe('Events sent, by user.'),
    createRoom: rateLimit(0.5, 20).describe('Rooms created, by user.'),
    join: rateLimit(1, 30).describe('Joins and knocks, by user.'),
    invite: rateLimit(1, 30).describe('Invites, by inviting user.'),
    typing: rateLimit(5, 50).describe('Typing, presence and receipts, by user.'),
    profile: rateLimit(1, 30).describe('Changes of profile, devices, account data and push rules, by user.'),
    read: rateLimit(50, 500).describe('Reads, by user.'),
    search: rateLimit(1, 20).describe('Searches in messages, users and directories, by user.'),
    lookUp: rateLimit(0.2, 20).describe('Blinded look-ups of people, by user.'),
    lookUpRemote: rateLimit(2, 200).describe('Blinded look-ups of people, by other server.'),
    upload: rateLimit(2, 50).describe('Uploads and link previews, by user.'),
    download: rateLimit(50, 500).describe('Downloads, by user or address.'),
    keys: rateLimit(20, 200).describe('Uploads and queries of device keys, by user.'),
    claim: rateLimit(5, 100).describe('Claims of one-time keys, by user.'),
    claimDevice: rateLimit(1 / 600, 6).describe(
      'One-time keys of one device given to one user; beyond it the fallback key is given.',
    ),
    claimDeviceRemote: rateLimit(1 / 60, 60).describe(
      'One-time keys of one device given to one other server; beyond it the fallback key is given.',
    ),
    toDevice: rateLimit(20, 200).describe('Messages to devices, by user.'),
    keyRequest: rateLimit(0.1, 60).describe('Requests for group keys in clear messages to devices, by user.'),
    report: rateLimit(0.1, 10).describe('Reports, by user.'),
    federation: rateLimit(50, 500).describe('Requests of another server, by server.'),
  })
  .prefault({})
  .describe('Token buckets. `perSecond` refills a bucket, `burst` is what it holds.');
