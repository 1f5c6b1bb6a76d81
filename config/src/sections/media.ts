import { z } from 'zod';
import { duration, path, size, timeout } from '../fields.ts';

const previewsSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Offer previews of links to clients that ask.'),
    maxPage: size().prefault('10MiB').describe('Most bytes read from a page.'),
    timeout: timeout().prefault('10s').describe('Longest time for one page.'),
    cacheFor: duration().prefault('1h').describe('How long a preview is kept.'),
    denyHosts: z.array(z.string().min(1)).default([]).describe('Hosts never fetched; `*` matches any part.'),
  })
  .prefault({})
  .describe('Link previews, made by the server for unencrypted rooms. Private addresses are never fetched.');

export const mediaSchema = z
  .strictObject({
    path: path().optional().describe('Folder of uploaded files; `media` in the data folder when not set.'),
    maxUpload: size().prefault('50MiB').describe('Largest upload.').meta({ env: 'NYX_MAX_UPLOAD' }),
    maxRemote: size().prefault('100MiB').describe('Largest file fetched from another server.'),
    maxImagePixels: z
      .number()
      .int()
      .min(1)
      .default(33_554_432)
      .describe('Images with more pixels than this get no thumbnail.'),
    uploadExpiry: duration()
      .prefault('1d')
      .describe('How long an upload that was announced but not made stays possible.'),
    remoteRetention: duration()
      .prefault('90d')
      .describe(
        'Copies of remote files not asked for in this time are deleted; they are fetched again when needed.',
      ),
    legacyDownloads: z
      .boolean()
      .default(true)
      .describe('Serve media without authentication on the old paths too, for older clients and servers.'),
    previews: previewsSchema,
  })
  .prefault({})
  .describe('Uploaded and remote files, thumbnails, link previews.');
