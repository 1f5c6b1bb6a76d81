import type { BlobStore } from '../../ports/blob-store.ts';
import type { Images, ThumbnailShape } from '../../ports/images.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { MediaContent } from '../../ports/media-store.ts';
import type { StoredThumbnail, ThumbnailKey, ThumbnailStore } from '../../ports/thumbnail-store.ts';
import { DomainError } from '../errors.ts';
import type { Arrivals } from './arrivals.ts';
import type { Downloads } from './downloads.ts';
import { essence } from './file-facts.ts';
import { variantOf } from './thumbnail-variants.ts';

/** Name of the job that makes a thumbnail. */
export const THUMBNAIL_JOB = 'media.thumbnail';

export type ThumbnailsPorts = {
  readonly store: ThumbnailStore;
  readonly blobs: BlobStore;
  readonly downloads: Downloads;
  readonly images: Images;
  readonly arrivals: Arrivals;
  readonly queue: JobQueue;
};

/** What a thumbnail is made of. */
export type ThumbnailSource = {
  readonly server: string;
  readonly mediaId: string;
  readonly content: MediaContent;
};

/** Files larger than this get no thumbnail: they are read into memory. */
const MAX_SOURCE_BYTES = 31_457_280;
/** Most bytes of a thumbnail. An animation that comes out larger is a failure. */
const MAX_THUMBNAIL_BYTES = 16_777_216;
/** How long a worker is waited for; after that the request makes the thumbnail itself. */
const TURNS = 5;
const TURN_MS = 2_000;

/** Scaled pictures (spec: Client-Server API, Thumbnails): made by jobs when they are asked for first, and kept. */
export class Thumbnails {
  readonly #ports: ThumbnailsPorts;

  constructor(ports: ThumbnailsPorts) {
    this.#ports = ports;
  }

  /**
   * The thumbnail of a file. Throws `unknown_client_error` for what is no picture, and `too_large` for what has too many
   * pixels or bytes.
   */
  async get(source: ThumbnailSource, shape: ThumbnailShape, signal: AbortSignal): Promise<MediaContent> {
    const { server, mediaId, content } = source;
    if (!essence(content.contentType).startsWith('image/') || content.size === 0) throw refusal('no_image');
    if (content.size > MAX_SOURCE_BYTES) throw refusal('too_large');
    const key = { server, mediaId, variant: variantOf(shape) };
    const made =
      (await this.#ports.store.find(key)) ??
      (await this.#asked(key, shape, signal)) ??
      (await this.make(source, shape));
    if (made.content === undefined) throw refusal(made.failure);
    return made.content;
  }

  /** Makes a thumbnail, unless it is there. */
  async make({ server, mediaId, content }: ThumbnailSource, shape: ThumbnailShape): Promise<StoredThumbnail> {
    const { store, arrivals } = this.#ports;
    const key = { server, mediaId, variant: variantOf(shape) };
    const known = await store.find(key);
    if (known !== undefined) return known;
    const made = await this.#make(content, shape);
    if (await store.add(key, made)) {
      if (made.content !== undefined) await this.#ports.blobs.confirm(made.content.blob);
    } else if (made.content !== undefined) {
      // Somebody else was faster.
      await this.#ports.blobs.remove(made.content.blob);
    }
    arrivals.announce(nameOf(key));
    return (await store.find(key)) ?? made;
  }

  /** Leaves the work to a worker, and waits for it a while. */
  async #asked(
    key: ThumbnailKey,
    shape: ThumbnailShape,
    signal: AbortSignal,
  ): Promise<StoredThumbnail | undefined> {
    const { queue, arrivals, store } = this.#ports;
    const payload = { server: key.server, mediaId: key.mediaId, shape };
    const arrival = arrivals.wait(nameOf(key), TURN_MS, signal);
    await queue.enqueue([{ name: THUMBNAIL_JOB, payload, key: nameOf(key) }]);
    await arrival;
    for (let turn = 1; turn < TURNS && !signal.aborted; turn++) {
      const made = await store.find(key);
      if (made !== undefined) return made;
      await arrivals.wait(nameOf(key), TURN_MS, signal);
    }
    return store.find(key);
  }

  async #make(content: MediaContent, shape: ThumbnailShape): Promise<StoredThumbnail> {
    const { downloads, images, blobs } = this.#ports;
    if (content.size > MAX_SOURCE_BYTES) return { failure: 'too_large' };
    const chunks: Uint8Array[] = [];
    for await (const chunk of await downloads.open(content)) chunks.push(chunk as Uint8Array);
    const made = await images.thumbnail(Buffer.concat(chunks), shape);
    if (made === undefined) return { failure: 'no_image' };
    if (made === 'too_large' || made.bytes.length > MAX_THUMBNAIL_BYTES) return { failure: 'too_large' };
    const blob = await blobs.write(only(made.bytes), MAX_THUMBNAIL_BYTES);
    const { id, size, sha256 } = blob;
    return { content: { blob: id, size, sha256, contentType: made.contentType } };
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const nameOf = ({ server, mediaId, variant }: ThumbnailKey): string => `${server}/${mediaId} ${variant}`;

const refusal = (failure: 'no_image' | 'too_large'): DomainError =>
  failure === 'too_large'
    ? new DomainError('too_large', 'Content is too large to thumbnail')
    : new DomainError('unknown_client_error', 'Cannot generate thumbnails for the requested content');
