import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Downloads } from '../../domain/media/downloads.ts';
import { disposition } from '../../domain/media/file-facts.ts';
import type { Thumbnails } from '../../domain/media/thumbnails.ts';
import { shapeFor } from '../../domain/media/thumbnail-variants.ts';
import type { MediaContent } from '../../ports/media-store.ts';
import { thumbnailQuery, waitQuery } from '../media/schemas.ts';
import type { Reply } from '../route.ts';
import { defineRoute, RawBody } from '../route.ts';

async function* around(head: string, file: Readable, tail: string): AsyncGenerator<Buffer> {
  yield Buffer.from(head);
  for await (const chunk of file) yield chunk as Buffer;
  yield Buffer.from(tail);
}

/** The file between its metadata, which are empty as yet, and the end. The file's digest makes a boundary. */
const multipart = async (
  downloads: Downloads,
  content: MediaContent,
  contentType: string,
): Promise<Reply> => {
  const boundary = `nyx-${content.sha256.slice(0, 48)}`;
  const head = [
    `--${boundary}`,
    'Content-Type: application/json',
    '',
    '{}',
    `--${boundary}`,
    `Content-Type: ${contentType}`,
    `Content-Disposition: ${disposition(contentType, content.fileName)}`,
    '',
    '',
  ].join('\r\n');
  const tail = `\r\n--${boundary}--\r\n`;
  const file = await downloads.open(content);
  const stream = Readable.from(around(head, file, tail), { objectMode: false });
  // Also when nobody began to read.
  stream.once('close', () => file.destroy());
  const length = Buffer.byteLength(head) + content.size + Buffer.byteLength(tail);
  return {
    body: new RawBody(stream, `multipart/mixed; boundary=${boundary}`),
    headers: { 'content-length': `${length}` },
  };
};

/** Our media for other servers (spec: Server-Server API, GET media/download and media/thumbnail). */
export const federationMediaRoutes = (downloads: Downloads, thumbnails: Thumbnails, server: string) => {
  const common = { method: 'GET', auth: 'federation', limit: 'federation' } as const;
  const params = z.object({ mediaId: z.string() });
  return [
    defineRoute({
      ...common,
      operation: 'getContent',
      paths: ['/_matrix/federation/v1/media/download/{mediaId}'],
      params,
      query: z.object({ timeout_ms: waitQuery }),
      handler: async ({ params: { mediaId }, query: { timeout_ms: timeoutMs }, request: { signal } }) => {
        const content = await downloads.find({ server, mediaId, timeoutMs, allowRemote: false, signal });
        return multipart(downloads, content, content.contentType);
      },
    }),
    defineRoute({
      ...common,
      operation: 'getContentThumbnail',
      paths: ['/_matrix/federation/v1/media/thumbnail/{mediaId}'],
      params,
      query: thumbnailQuery,
      handler: async ({ params: { mediaId }, query, request: { signal } }) => {
        const timeoutMs = query.timeout_ms;
        const found = await downloads.find({ server, mediaId, timeoutMs, allowRemote: false, signal });
        const source = { server, mediaId, content: found };
        const content = await thumbnails.get(source, shapeFor(query), signal);
        return multipart(downloads, content, content.contentType);
      },
    }),
  ];
};
