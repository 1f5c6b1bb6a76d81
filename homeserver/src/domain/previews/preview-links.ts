import type { JsonObject, JsonValue } from '@nyx/federation/json/value.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Images } from '../../ports/images.ts';
import type { PageFetcher, PreviewStore } from '../../ports/previews.ts';
import { DomainError } from '../errors.ts';
import { essence } from '../media/file-facts.ts';
import { decodePage, readPage, type PageFacts } from './read-page.ts';

export type PreviewDeps = {
  readonly store: PreviewStore;
  readonly pages: PageFetcher;
  readonly images: Images;
  /** Keeps a picture; answers its content URI. */
  readonly keep: (bytes: Buffer, contentType: string) => Promise<string>;
  readonly clock: Clock;
  /** How long previews are kept, in ms. */
  readonly keepMs: number;
};

/** Most previews made at a time; others wait for their turn by asking again. */
const MAX_AT_ONCE = 20;
const BUSY_RETRY_MS = 5_000;
const PAGE_TYPES: ReadonlySet<string> = new Set(['text/html', 'application/xhtml+xml']);
const ACCEPT_PAGE = 'text/html,application/xhtml+xml;q=0.9,image/*;q=0.8,*/*;q=0.5';
const ACCEPT_IMAGE = 'image/png,image/jpeg,image/webp,image/gif';

/** Previews of links (spec: Client-Server API, GET preview_url). */
export class PreviewLinks {
  readonly #deps: PreviewDeps;
  /** Under way, so that a room full of readers asks once. */
  readonly #running = new Map<string, Promise<JsonObject>>();

  constructor(deps: PreviewDeps) {
    this.#deps = deps;
  }

  /** Throws `invalid_param` for what is no link, and what `PageFetcher` throws. */
  async preview(link: string): Promise<JsonObject> {
    const url = URL.canParse(link) ? new URL(link) : undefined;
    const isPlain = url?.username === '' && url.password === '';
    if (url === undefined || !isPlain || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      throw new DomainError('invalid_param', 'Not an address that can be previewed');
    url.hash = '';
    const key = url.href;
    const { store, clock } = this.#deps;
    const known = await store.find(key, clock.now());
    if (known !== undefined) return known;
    const running = this.#running.get(key) ?? this.#begin(url);
    this.#running.set(key, running);
    try {
      return await running;
    } finally {
      this.#running.delete(key);
    }
  }

  async #begin(url: URL): Promise<JsonObject> {
    if (this.#running.size >= MAX_AT_ONCE) {
      throw new DomainError('limit_exceeded', 'Too many previews are being made', {
        retryAfterMs: BUSY_RETRY_MS,
      });
    }
    const { store, clock, keepMs } = this.#deps;
    const preview = await this.#make(url);
    await store.put(url.href, preview, clock.now() + keepMs);
    return preview;
  }

  async #make(url: URL): Promise<JsonObject> {
    const page = await this.#deps.pages.fetch(url, ACCEPT_PAGE);
    const type = essence(page.contentType);
    if (PAGE_TYPES.has(type))
      return this.#ofPage(readPage(decodePage(page.bytes, page.contentType)), page.url);
    return type.startsWith('image/') ? this.#ofImage(page.bytes) : {};
  }

  async #ofPage(facts: PageFacts, base: URL): Promise<JsonObject> {
    const preview: Record<string, JsonValue> = {};
    for (const [key, value] of facts.properties)
      if (!key.startsWith('og:image') && !key.startsWith('og:video') && !key.startsWith('og:audio'))
        preview[key] = value;
    if (facts.title !== undefined) preview['og:title'] ??= facts.title;
    const description = facts.description ?? (facts.text === '' ? undefined : facts.text);
    if (description !== undefined) preview['og:description'] ??= description;
    const { properties } = facts;
    const image =
      properties.get('og:image:secure_url') ??
      properties.get('og:image') ??
      properties.get('og:image:url') ??
      facts.image;
    if (image === undefined || !URL.canParse(image, base.href)) return preview;
    const alt = properties.get('og:image:alt');
    const shown = await this.#linkedImage(new URL(image, base.href));
    return {
      ...preview,
      ...shown,
      ...(alt === undefined || shown === undefined ? {} : { 'og:image:alt': alt }),
    };
  }

  /** A picture that cannot be had is left out: the rest of the preview is still of use. */
  async #linkedImage(url: URL): Promise<JsonObject | undefined> {
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
    try {
      const { bytes } = await this.#deps.pages.fetch(url, ACCEPT_IMAGE);
      return await this.#ofImage(bytes);
    } catch (error) {
      if (error instanceof DomainError) return undefined;
      throw error;
    }
  }

  async #ofImage(bytes: Buffer): Promise<JsonObject> {
    const { images, keep } = this.#deps;
    const facts = await images.measure(bytes);
    if (facts === undefined) return {};
    return {
      'og:image': await keep(bytes, facts.contentType),
      'og:image:type': facts.contentType,
      'og:image:width': facts.width,
      'og:image:height': facts.height,
      'matrix:image:size': bytes.length,
    };
  }
}
