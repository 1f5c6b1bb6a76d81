import type { Api } from '../matrix/api/http.ts';
import { download } from '../matrix/api/media.ts';
import type { MediaUrls } from '../composables/use-media-url.ts';

type Held = { url: Promise<string | undefined>; count: number };

const maxIdle = 300;
/** What an <img> may show. Never SVG: it is a document. */
const pictures = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif']);

/** Clear media (avatars) as object URLs: fetched once, shared, and the least recently released let go first. */
export class AvatarUrls implements MediaUrls {
  readonly #api: Api;
  readonly #held = new Map<string, Held>();

  constructor(api: Api) {
    this.#api = api;
  }

  acquire(mxc: string, size: number | undefined): Promise<string | undefined> {
    const key = `${mxc}|${size ?? ''}`;
    const known = this.#held.get(key);
    if (known !== undefined) {
      known.count += 1;
      return known.url;
    }
    const held: Held = { url: this.#fetch(mxc, size), count: 1 };
    this.#held.set(key, held);
    return held.url;
  }

  release(mxc: string, size: number | undefined): void {
    const key = `${mxc}|${size ?? ''}`;
    const held = this.#held.get(key);
    if (held === undefined) return;
    held.count -= 1;
    this.#held.delete(key);
    this.#held.set(key, held);
    for (const [old, one] of this.#held) {
      if (this.#held.size <= maxIdle) break;
      if (one.count > 0) continue;
      this.#held.delete(old);
      void one.url.then((url) => url !== undefined && URL.revokeObjectURL(url));
    }
  }

  async #fetch(mxc: string, size: number | undefined): Promise<string | undefined> {
    const answer = await download(this.#api, mxc, size === undefined ? {} : { size });
    if (!answer.ok || !pictures.has(answer.value.type.split(';')[0] ?? '')) return undefined;
    return URL.createObjectURL(answer.value);
  }
}
