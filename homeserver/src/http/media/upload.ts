import { z } from 'zod';
import type { Uploads } from '../../domain/media/uploads.ts';
import { defineRoute } from '../route.ts';
import { legacyPaths, mediaParams } from './schemas.ts';
import { uploadedFile } from './uploaded-file.ts';

const query = z.object({ filename: z.string().optional() });

/** Spec: Client-Server API, POST /_matrix/media/v3/upload. */
export const uploadRoute = (uploads: Uploads) =>
  defineRoute({
    operation: 'uploadContent',
    method: 'POST',
    paths: legacyPaths('/upload'),
    auth: 'access_token',
    limit: 'upload',
    body: 'stream',
    denySuspended: true,
    query,
    handler: async ({ query: { filename }, request, requester }) => {
      const { server, maxBytes } = uploads.rules;
      const mediaId = await uploads.upload(requester.userId, uploadedFile(request, filename, maxBytes));
      return { body: { content_uri: `mxc://${server}/${mediaId}` } };
    },
  });

/** Spec: Client-Server API, POST /_matrix/media/v1/create. Its body is not looked at. */
export const createMediaRoute = (uploads: Uploads) =>
  defineRoute({
    operation: 'createContent',
    method: 'POST',
    paths: ['/_matrix/media/v1/create'],
    auth: 'access_token',
    limit: 'upload',
    body: 'stream',
    denySuspended: true,
    handler: async ({ requester }) => {
      const { mediaId, expiresAt } = await uploads.create(requester.userId);
      const content_uri = `mxc://${uploads.rules.server}/${mediaId}`;
      return { body: { content_uri, unused_expires_at: expiresAt } };
    },
  });

/** Spec: Client-Server API, PUT /_matrix/media/v3/upload/{serverName}/{mediaId}. */
export const uploadToRoute = (uploads: Uploads) =>
  defineRoute({
    operation: 'uploadContentToMXC',
    method: 'PUT',
    paths: ['/_matrix/media/v3/upload/{serverName}/{mediaId}'],
    auth: 'access_token',
    limit: 'upload',
    body: 'stream',
    denySuspended: true,
    params: mediaParams,
    query,
    handler: async ({ params: { serverName, mediaId }, query: { filename }, request, requester }) => {
      const file = uploadedFile(request, filename, uploads.rules.maxBytes);
      await uploads.complete(requester.userId, serverName, mediaId, file);
      return {};
    },
  });
