import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { MAX_REMEMBERED_SERVERS, MAX_WELL_KNOWN_REDIRECTS } from './limits.ts';
import { parseServerAddress } from './server-address.ts';

/** What one GET answered; redirects are not followed by the fetcher. */
export type WellKnownResponse = {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The body as text, already bounded by the fetcher. */
  readonly body: string;
};

/** Fetches a URL over https, obeying the address policy, a size bound and a timeout. Throws when unreachable. */
export type WellKnownFetch = (url: URL) => Promise<WellKnownResponse>;

const HOUR_MS = 60 * 60 * 1000;
/** A delegation without caching headers is kept for a day; none is kept longer than 48 hours (spec). */
const DEFAULT_TTL_MS = 24 * HOUR_MS;
const MAX_TTL_MS = 48 * HOUR_MS;
/** A peer that says "do not cache" would have us ask for every transaction: a short floor protects both. */
const MIN_TTL_MS = 5 * 60 * 1000;
/** Errors are remembered for at most an hour (spec), less when the server had a delegation a moment ago. */
const ERROR_TTL_MS = HOUR_MS;
const RECENT_ERROR_TTL_MS = 2 * 60 * 1000;

const documentSchema = z.looseObject({ 'm.server': z.string() });

/** A delegated name, or undefined when the host has none. Times are milliseconds since the epoch. */
type Entry = {
  readonly delegated: string | undefined;
  /** Until when that holds without asking again. */
  readonly until: number;
  /** When the host last said so. */
  readonly said: number;
};

/** Looks up delegations by `.well-known/matrix/server`, with the caching that the spec asks for. */
export class WellKnownResolver {
  readonly #fetch: WellKnownFetch;
  readonly #now: () => number;
  readonly #cache = new LRUCache<string, Entry>({ max: MAX_REMEMBERED_SERVERS });
  readonly #running = new Map<string, Promise<string | undefined>>();

  /** @param now milliseconds since the epoch */
  constructor(fetch: WellKnownFetch, now: () => number) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /** The name the host delegates to, or undefined. Never throws: a broken document means no delegation (spec). */
  async lookup(host: string): Promise<string | undefined> {
    const cached = this.#cache.get(host);
    if (cached !== undefined && cached.until > this.#now()) return cached.delegated;
    const running = this.#running.get(host);
    if (running !== undefined) return running;
    const started = this.#refresh(host, cached).finally(() => this.#running.delete(host));
    this.#running.set(host, started);
    return started;
  }

  async #refresh(host: string, previous: Entry | undefined): Promise<string | undefined> {
    const now = this.#now();
    let response: WellKnownResponse | undefined;
    try {
      response = await this.#follow(new URL(`https://${host}/.well-known/matrix/server`));
    } catch {
      response = undefined;
    }
    const delegated = response?.status === 200 ? parseDocument(response.body) : undefined;
    if (delegated !== undefined && response !== undefined) {
      this.#cache.set(host, { delegated, until: now + lifetimeOf(response.headers, now), said: now });
      return delegated;
    }
    // A peer whose web server hiccups keeps its delegation: falling back to port 8448 would reach a stranger or nobody.
    const isDown = response === undefined || response.status >= 500;
    if (previous?.delegated !== undefined && isDown && now - previous.said < MAX_TTL_MS) {
      const until = Math.min(now + RECENT_ERROR_TTL_MS, previous.said + MAX_TTL_MS);
      this.#cache.set(host, { ...previous, until });
      return previous.delegated;
    }
    this.#cache.set(host, { delegated: undefined, until: now + ERROR_TTL_MS, said: now });
    return undefined;
  }

  async #follow(first: URL): Promise<WellKnownResponse | undefined> {
    let url = first;
    for (let hop = 0; hop <= MAX_WELL_KNOWN_REDIRECTS; hop++) {
      const response = await this.#fetch(url);
      if (![301, 302, 303, 307, 308].includes(response.status)) return response;
      const { location } = response.headers;
      if (location === undefined || !URL.canParse(location, url.href)) return undefined;
      url = new URL(location, url);
      if (url.protocol !== 'https:') return undefined;
    }
    return undefined;
  }
}

function parseDocument(body: string): string | undefined {
  try {
    const name = documentSchema.parse(JSON.parse(body))['m.server'];
    return parseServerAddress(name) === undefined ? undefined : name;
  } catch {
    return undefined;
  }
}

/** Lifetime in milliseconds after Cache-Control and Expires, within the bounds above. */
export function lifetimeOf(headers: WellKnownResponse['headers'], now: number): number {
  const clamp = (ms: number) => Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, ms));
  const control = (headers['cache-control'] ?? '').toLowerCase();
  if (/\bno-(?:store|cache)\b/.test(control)) return MIN_TTL_MS;
  const maxAge = /\bmax-age\s*=\s*"?(\d+)/.exec(control)?.[1];
  if (maxAge !== undefined) return clamp(Number(maxAge) * 1000);
  if (headers.expires !== undefined) {
    const expires = Date.parse(headers.expires);
    return Number.isNaN(expires) ? MIN_TTL_MS : clamp(expires - now);
  }
  return DEFAULT_TTL_MS;
}
