import type { Config } from '@nyx/config/schema.ts';
import { FederationError } from '@nyx/federation/http/errors.ts';
import type { GuardedHttp } from '@nyx/federation/http/guarded-http.ts';
import { DomainError } from '../domain/errors.ts';
import { matchesGlob } from '../domain/federation/server-acl.ts';
import type { FetchedPage, PageFetcher } from '../ports/previews.ts';

export type PageLimits = Pick<Config['media']['previews'], 'denyHosts' | 'maxPage' | 'timeout'>;

const MAX_REDIRECTS = 5;

const unavailable = (cause?: unknown): DomainError =>
  new DomainError('not_found', 'The page could not be fetched', { cause });

/** Pages behind the guard on addresses: each step of a redirect is checked like the first. */
export const pageFetcher = (http: GuardedHttp, limits: PageLimits): PageFetcher => {
  const check = (url: URL): void => {
    const host = url.hostname.toLowerCase();
    if (limits.denyHosts.some((pattern) => matchesGlob(host, pattern.toLowerCase())))
      throw new DomainError('forbidden', 'This address is not previewed');
  };
  const get = async (url: URL, accept: string, signal: AbortSignal) => {
    try {
      const headers = { accept, 'user-agent': 'Nyx (link preview)', 'accept-encoding': 'identity' };
      const request = { url, method: 'GET', headers, timeoutMs: limits.timeout, signal } as const;
      return await http.fetch(request, limits.maxPage);
    } catch (error) {
      if (error instanceof FederationError && error.code === 'ADDRESS_DENIED')
        throw new DomainError('forbidden', 'This address is not previewed');
      throw unavailable(error);
    }
  };
  return {
    fetch: async (start, accept): Promise<FetchedPage> => {
      const signal = AbortSignal.timeout(limits.timeout);
      let url = start;
      for (let step = 0; step <= MAX_REDIRECTS; step++) {
        check(url);
        const { status, headers, body } = await get(url, accept, signal);
        const { location } = headers;
        const isRedirect = status >= 300 && status <= 399 && location !== undefined;
        if (!isRedirect) {
          if (status < 200 || status > 299) throw unavailable();
          return { url, contentType: headers['content-type'] ?? '', bytes: body };
        }
        if (!URL.canParse(location, url.href)) throw unavailable();
        url = new URL(location, url.href);
        if (url.protocol !== 'https:' && url.protocol !== 'http:') throw unavailable();
      }
      throw unavailable();
    },
  };
};
