import type { Downloads } from '../../domain/media/downloads.ts';
import { disposition } from '../../domain/media/file-facts.ts';
import type { ByteRange } from '../../ports/blob-store.ts';
import type { MediaContent } from '../../ports/media-store.ts';
import type { IncomingRequest, Reply } from '../route.ts';
import { RawBody } from '../route.ts';

/**
 * What is uploaded is foreign and may be a page with scripts: it runs in no origin (spec: Client-Server API, Content
 * repository, Security considerations). Other origins may embed it, since web clients are served from elsewhere.
 */
const SAFETY = {
  'content-security-policy':
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';",
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
} as const;

const MAX_AGE_SECONDS = 86_400;

/** One range of bytes (RFC 9110, Range Requests); undefined for whatever else was asked for, which may be ignored. */
export const byteRange = (header: string | undefined, size: number): ByteRange | undefined => {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start <= end ? { start, end } : undefined;
};

const isKnown = (header: string | undefined, tag: string): boolean =>
  header
    ?.split(',')
    .map((one) => one.trim().replace(/^W\//, ''))
    .some((one) => one === tag || one === '*') ?? false;

export type Showing = {
  /** The file name to give instead of the uploader's. */
  readonly fileName?: string | undefined;
  readonly contentType: string;
  /** Whether caches between us and the client may keep it: not what takes a token. */
  readonly isPublic: boolean;
};

/** The answer that hands out a file: whole, a range of it, or nothing when the client has it already. */
export const mediaReply = async (
  downloads: Downloads,
  content: MediaContent,
  request: IncomingRequest,
  { fileName, contentType, isPublic }: Showing,
): Promise<Reply> => {
  const tag = `"${content.sha256}"`;
  const headers = {
    ...SAFETY,
    'cache-control': `${isPublic ? 'public' : 'private'}, max-age=${MAX_AGE_SECONDS}, immutable`,
    'content-disposition': disposition(contentType, fileName ?? content.fileName),
    'accept-ranges': 'bytes',
    etag: tag,
  };
  if (isKnown(request.headers['if-none-match'], tag)) return { status: 304, headers };
  const condition = request.headers['if-range'];
  const isCurrent = condition === undefined || condition === tag;
  const range = isCurrent ? byteRange(request.headers.range, content.size) : undefined;
  const body = new RawBody(await downloads.open(content, range), contentType);
  if (range === undefined) return { body, headers: { ...headers, 'content-length': `${content.size}` } };
  const { start, end } = range;
  return {
    status: 206,
    body,
    headers: {
      ...headers,
      'content-range': `bytes ${start}-${end}/${content.size}`,
      'content-length': `${end - start + 1}`,
    },
  };
};
