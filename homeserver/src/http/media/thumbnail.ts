import type { z } from 'zod';
import type { Downloads } from '../../domain/media/downloads.ts';
import type { Thumbnails } from '../../domain/media/thumbnails.ts';
import { shapeFor } from '../../domain/media/thumbnail-variants.ts';
import type { IncomingRequest, Reply } from '../route.ts';
import { defineRoute } from '../route.ts';
import { mediaReply } from './media-reply.ts';
import { legacyPaths, mediaParams, thumbnailQuery } from './schemas.ts';

type Wanted = {
  readonly params: z.output<typeof mediaParams>;
  readonly query: z.output<typeof thumbnailQuery>;
  readonly request: IncomingRequest;
};

const PATH = '/thumbnail/{serverName}/{mediaId}';

const hand =
  (downloads: Downloads, thumbnails: Thumbnails, isPublic: boolean) =>
  async ({ params, query: wanted, request }: Wanted): Promise<Reply> => {
    const { serverName: server, mediaId } = params;
    const { signal } = request;
    const { timeout_ms: timeoutMs, allow_remote: remote } = wanted;
    const allowRemote = !isPublic && remote !== false;
    const found = await downloads.find({ server, mediaId, timeoutMs, allowRemote, signal });
    const content = await thumbnails.get({ server, mediaId, content: found }, shapeFor(wanted), signal);
    const { contentType } = content;
    const fileName = `thumbnail.${contentType.slice('image/'.length)}`;
    return mediaReply(downloads, content, request, { fileName, contentType, isPublic });
  };

/** Spec: Client-Server API, GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}. */
export const thumbnailRoute = (downloads: Downloads, thumbnails: Thumbnails) =>
  defineRoute({
    operation: 'getContentThumbnailAuthed',
    method: 'GET',
    paths: [`/_matrix/client/v1/media${PATH}`],
    auth: 'access_token',
    limit: 'download',
    allowGuest: true,
    params: mediaParams,
    query: thumbnailQuery,
    handler: hand(downloads, thumbnails, false),
  });

/** The same without a token (GET /_matrix/media/v3/thumbnail/...). */
export const legacyThumbnailRoute = (downloads: Downloads, thumbnails: Thumbnails) =>
  defineRoute({
    operation: 'getContentThumbnail',
    method: 'GET',
    paths: legacyPaths(PATH),
    auth: 'none',
    limit: 'download',
    params: mediaParams,
    query: thumbnailQuery,
    handler: hand(downloads, thumbnails, true),
  });
