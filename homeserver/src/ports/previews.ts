import type { JsonObject } from '@nyx/federation/json/value.ts';

/** Previews of links that were made, for a while. */
export interface PreviewStore {
  /** Undefined when there is none any more. */
  find(url: string, now: number): Promise<JsonObject | undefined>;
  put(url: string, preview: JsonObject, expiresAt: number): Promise<void>;
}

/** A page as it was fetched. */
export type FetchedPage = {
  /** Where it was in the end. */
  readonly url: URL;
  readonly contentType: string;
  readonly bytes: Buffer;
};

/** Fetches what links lead to. */
export interface PageFetcher {
  /**
   * The page, after redirects. Throws `forbidden` for addresses that are not to be fetched, and `not_found` for what
   * cannot be had, is too large or takes too long.
   */
  fetch(url: URL, accept: string): Promise<FetchedPage>;
}
