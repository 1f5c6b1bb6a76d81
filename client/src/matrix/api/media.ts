import * as z from 'zod/mini';
import { authHeaders, call, httpError, path, send, urlOf } from './http.ts';
import type { Api } from './http.ts';
import { fail, ok } from './result.ts';
import type { Result } from './result.ts';

const uploadAnswer = z.object({ content_uri: z.string() });
const configAnswer = z.object({ 'm.upload.size': z.optional(z.nullable(z.number())) });

/** `mxc://server/id` taken apart, or undefined when it is no such thing. */
export const parseMxc = (mxc: string): { server: string; id: string } | undefined => {
  const match = /^mxc:\/\/([^/?#\s]{1,255})\/([A-Za-z0-9_-]{1,255})$/.exec(mxc);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { server: match[1], id: match[2] };
};

/** Upload bytes; answers their mxc:// address. Encrypted files go up as application/octet-stream without a name. */
export const upload = async (
  api: Api,
  blob: Blob,
  options: { filename?: string; signal?: AbortSignal; onProgress?: (fraction: number) => void } = {},
): Promise<Result<string>> => {
  const sent = await send(api, {
    method: 'POST',
    url: urlOf(api, '/_matrix/media/v3/upload', { filename: options.filename }),
    headers: {
      ...authHeaders(api),
      'content-type': blob.type === '' ? 'application/octet-stream' : blob.type,
    },
    body: blob,
    timeoutMs: 600_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  if (!sent.ok) return sent;
  if (sent.value.status !== 200) return httpError(sent.value);
  try {
    const parsed = uploadAnswer.safeParse(JSON.parse(await sent.value.body.text()));
    if (parsed.success && parseMxc(parsed.data.content_uri) !== undefined) return ok(parsed.data.content_uri);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return fail({ kind: 'shape', status: 200, message: 'upload answer' });
};

/** Authenticated download (client-server API, "Content repository"); `size` asks for a thumbnail. */
export const download = async (
  api: Api,
  mxc: string,
  options: { size?: number; signal?: AbortSignal } = {},
): Promise<Result<Blob>> => {
  const parts = parseMxc(mxc);
  if (parts === undefined) return fail({ kind: 'shape', message: 'not an mxc address' });
  const route =
    options.size === undefined
      ? path`/_matrix/client/v1/media/download/${parts.server}/${parts.id}`
      : path`/_matrix/client/v1/media/thumbnail/${parts.server}/${parts.id}`;
  const query =
    options.size === undefined
      ? {}
      : { width: options.size, height: options.size, method: 'crop', animated: false };
  const sent = await send(api, {
    method: 'GET',
    url: urlOf(api, route, query),
    headers: authHeaders(api),
    timeoutMs: 120_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (!sent.ok) return sent;
  return sent.value.status === 200 ? ok(sent.value.body) : httpError(sent.value);
};

/** Largest upload in bytes, or undefined when the server names none. */
export const uploadLimit = async (api: Api): Promise<number | undefined> => {
  const answer = await call(api, configAnswer, 'GET', '/_matrix/client/v1/media/config');
  return answer.ok ? (answer.value['m.upload.size'] ?? undefined) : undefined;
};
