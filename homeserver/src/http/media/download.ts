import type { Downloads } from '../../domain/media/downloads.ts';
import { fileName as cleanName } from '../../domain/media/file-facts.ts';
import type { IncomingRequest, Reply } from '../route.ts';
import { defineRoute } from '../route.ts';
import { mediaReply } from './media-reply.ts';
import { downloadQuery, legacyPaths, mediaParams, namedMediaParams } from './schemas.ts';

type Wanted = {
  readonly params: { readonly serverName: string; readonly mediaId: string; readonly fileName?: string };
  readonly query: { readonly timeout_ms: number; readonly allow_remote?: boolean | undefined };
  readonly request: IncomingRequest;
};

const PATH = '/download/{serverName}/{mediaId}';

const hand =
  (downloads: Downloads, isPublic: boolean) =>
  async ({ params, query, request }: Wanted): Promise<Reply> => {
    const content = await downloads.find({
      server: params.serverName,
      mediaId: params.mediaId,
      timeoutMs: query.timeout_ms,
      // Strangers without a token do not make this server fetch things.
      allowRemote: !isPublic && query.allow_remote !== false,
      signal: request.signal,
    });
    const { contentType } = content;
    const fileName = cleanName(params.fileName);
    return mediaReply(downloads, content, request, { fileName, contentType, isPublic });
  };

/** Spec: Client-Server API, GET /_matrix/client/v1/media/download/{serverName}/{mediaId}, with or without a name. */
export const downloadRoutes = (downloads: Downloads) => {
  const handler = hand(downloads, false);
  const common = { method: 'GET', auth: 'access_token', limit: 'download', allowGuest: true } as const;
  return [
    defineRoute({
      ...common,
      operation: 'getContentAuthed',
      paths: [`/_matrix/client/v1/media${PATH}`],
      params: mediaParams,
      query: downloadQuery,
      handler,
    }),
    defineRoute({
      ...common,
      operation: 'getContentOverrideNameAuthed',
      paths: [`/_matrix/client/v1/media${PATH}/{fileName}`],
      params: namedMediaParams,
      query: downloadQuery,
      handler,
    }),
  ];
};

/** The same without a token, as before v1.11 of the spec (GET /_matrix/media/v3/download/...). */
export const legacyDownloadRoutes = (downloads: Downloads) => {
  const handler = hand(downloads, true);
  const common = { method: 'GET', auth: 'none', limit: 'download' } as const;
  return [
    defineRoute({
      ...common,
      operation: 'getContent',
      paths: legacyPaths(PATH),
      params: mediaParams,
      query: downloadQuery,
      handler,
    }),
    defineRoute({
      ...common,
      operation: 'getContentOverrideName',
      paths: legacyPaths(`${PATH}/{fileName}`),
      params: namedMediaParams,
      query: downloadQuery,
      handler,
    }),
  ];
};
