import { FederationError, RemoteError } from '@nyx/federation/http/errors.ts';
import type { GuardedHttp, GuardedResponse } from '@nyx/federation/http/guarded-http.ts';
import { isServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../domain/errors.ts';
import type { PeerMedia } from '../ports/peer-media.ts';
import type { Peers } from './peers.ts';

/** Longest time for a whole file. */
const TIMEOUT_MS = 120_000;
/** How long the other server is to wait for what was announced there and not uploaded. */
const WAIT_MS = 20_000;

const failed = (error: unknown): DomainError => {
  if (error instanceof RemoteError) {
    if (error.errcode === 'M_NOT_YET_UPLOADED')
      return new DomainError('not_yet_uploaded', 'The content has not been uploaded yet');
    if (error.status === 404 || error.status === 403)
      return new DomainError('not_found', 'The other server does not have this media');
  }
  const isTimeout = error instanceof FederationError && error.code === 'TIMEOUT';
  const code = isTimeout ? 'gateway_timeout' : 'bad_gateway';
  return new DomainError(code, 'The media could not be had from their server', { cause: error });
};

/** Media of other servers over the signed client (spec: Server-Server API, GET media/download/{mediaId}). */
export const peerMedia = (
  { transport, allows }: Pick<Peers, 'transport' | 'allows'>,
  http: GuardedHttp,
  allowInsecure: boolean,
): PeerMedia => ({
  open: async (server, mediaId) => {
    if (!isServerName(server) || !allows(server)) throw new DomainError('not_found', 'No such media here');
    const path = `/_matrix/federation/v1/media/download/${encodeURIComponent(mediaId)}?timeout_ms=${WAIT_MS}`;
    try {
      const { headers, body } = await transport.client.stream({
        destination: server,
        method: 'GET',
        path,
        timeoutMs: TIMEOUT_MS,
      });
      return { contentType: headers['content-type'], body };
    } catch (error) {
      throw failed(error);
    }
  },
  openElsewhere: async (location) => {
    const { headers, body } = await follow(http, location, allowInsecure);
    return {
      contentType: headers['content-type'],
      disposition: headers['content-disposition'],
      body,
    };
  },
});

/** Most redirects followed to a file that lies elsewhere. */
const MAX_REDIRECTS = 3;

/** Every step goes through the guard on addresses; nothing of ours is sent along. */
const follow = async (
  http: GuardedHttp,
  location: string,
  allowInsecure: boolean,
): Promise<GuardedResponse> => {
  let url = URL.canParse(location) ? new URL(location) : undefined;
  for (let step = 0; step <= MAX_REDIRECTS && url !== undefined; step++) {
    if (url.protocol !== 'https:' && !allowInsecure) break;
    const response = await get(http, url);
    if (response.status === 200) return response;
    response.body.destroy();
    const next = response.headers.location;
    const isRedirect = response.status >= 300 && response.status <= 399;
    url =
      isRedirect && next !== undefined && URL.canParse(next, url.href) ? new URL(next, url.href) : undefined;
  }
  throw new DomainError('bad_gateway', 'The media is not where its server says');
};

const get = async (http: GuardedHttp, url: URL): Promise<GuardedResponse> => {
  try {
    return await http.open({ url, method: 'GET', headers: { 'user-agent': 'Nyx' }, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    throw new DomainError('bad_gateway', 'The media is not where its server says', { cause: error });
  }
};
