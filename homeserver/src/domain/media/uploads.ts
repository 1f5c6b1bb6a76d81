import type { BlobStore, StoredBlob } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MediaContent, MediaStore } from '../../ports/media-store.ts';
import type { PluginHooks } from '../../ports/plugin-hooks.ts';
import type { Random } from '../../ports/random.ts';
import { DomainError } from '../errors.ts';
import { randomToken } from '../ids.ts';
import type { Arrivals } from './arrivals.ts';
import { fileName, mediaType } from './file-facts.ts';

export type UploadPorts = {
  readonly store: MediaStore;
  readonly blobs: BlobStore;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  readonly random: Random;
  readonly plugins: PluginHooks;
};

export type UploadRules = {
  /** Our server name. */
  readonly server: string;
  /** Bytes. */
  readonly maxBytes: number;
  /** How long an announced upload may be made, in ms. */
  readonly expiryMs: number;
};

/** A file on its way in. */
export type IncomingFile = {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly contentType: string | undefined;
  readonly fileName: string | undefined;
  /** Bytes, as the client announces them. */
  readonly announced?: number;
};

const MEDIA_ID_LENGTH = 32;
/** Most announced uploads of one user that are still awaited. */
const MAX_PENDING = 100;
const PENDING_RETRY_MS = 60_000;

const contentOf = (blob: StoredBlob, file: IncomingFile): MediaContent => {
  const name = fileName(file.fileName);
  return {
    blob: blob.id,
    size: blob.size,
    sha256: blob.sha256,
    contentType: mediaType(file.contentType),
    ...(name === undefined ? {} : { fileName: name }),
  };
};

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Files that users of this server upload (spec: Client-Server API, Content repository). */
export class Uploads {
  readonly rules: UploadRules;
  readonly #ports: UploadPorts;

  constructor(ports: UploadPorts, rules: UploadRules) {
    this.#ports = ports;
    this.rules = rules;
  }

  /** Stores a file. Returns its media id. Throws `too_large`. */
  async upload(owner: string, file: IncomingFile): Promise<string> {
    const { store, clock } = this.#ports;
    await this.#screen(owner, file);
    const mediaId = this.#newId();
    const record = { server: this.rules.server, mediaId, owner, createdAt: clock.now() };
    await this.#take(file, (content) => store.add({ ...record, content }));
    return mediaId;
  }

  /** Keeps a picture that nobody uploaded, until nobody asks for it any more. Returns its content URI. */
  async keepCopy(bytes: Uint8Array, contentType: string): Promise<string> {
    const { store, clock } = this.#ports;
    const mediaId = this.#newId();
    const now = clock.now();
    const record = { server: this.rules.server, mediaId, createdAt: now, seenAt: now };
    const file = { bytes: only(bytes), contentType, fileName: undefined };
    await this.#take(file, (content) => store.add({ ...record, content }), bytes.length);
    return `mxc://${this.rules.server}/${mediaId}`;
  }

  /** Announces an upload. Throws `limit_exceeded` when too many are awaited. */
  async create(owner: string): Promise<{ mediaId: string; expiresAt: number }> {
    const { store, clock } = this.#ports;
    const now = clock.now();
    if ((await store.countPending(owner, now)) >= MAX_PENDING) {
      throw new DomainError('limit_exceeded', 'Too many uploads were announced and not made', {
        retryAfterMs: PENDING_RETRY_MS,
      });
    }
    const mediaId = this.#newId();
    const expiresAt = now + this.rules.expiryMs;
    await store.add({ server: this.rules.server, mediaId, owner, createdAt: now, expiresAt });
    return { mediaId, expiresAt };
  }

  /** Makes an announced upload. Throws `not_found`, `forbidden`, `cannot_overwrite_media` or `too_large`. */
  async complete(owner: string, server: string, mediaId: string, file: IncomingFile): Promise<void> {
    const { store, arrivals } = this.#ports;
    await this.#requirePending(owner, server, mediaId);
    await this.#screen(owner, file);
    const isDone = await this.#take(file, (content) => store.complete(server, mediaId, content));
    if (!isDone) {
      // Somebody was faster, or the time ran out meanwhile: say which.
      await this.#requirePending(owner, server, mediaId);
      throw new DomainError('cannot_overwrite_media', 'Media already uploaded');
    }
    arrivals.announce(`${server}/${mediaId}`);
  }

  #screen(
    userId: string,
    { contentType, fileName: given, announced }: IncomingFile,
  ): Promise<void> | undefined {
    return this.#ports.plugins.check('checkUpload', () => {
      const name = fileName(given);
      return {
        userId,
        contentType: mediaType(contentType),
        ...(name === undefined ? {} : { fileName: name }),
        ...(announced === undefined ? {} : { bytes: announced }),
      };
    });
  }

  async #requirePending(owner: string, server: string, mediaId: string): Promise<void> {
    const { store, clock } = this.#ports;
    const record = server === this.rules.server ? await store.find(server, mediaId) : undefined;
    if (record === undefined) throw new DomainError('not_found', 'Unknown media id');
    if (record.owner !== owner) throw new DomainError('forbidden', 'Somebody else announced this upload');
    if (record.content !== undefined)
      throw new DomainError('cannot_overwrite_media', 'Media already uploaded');
    if ((record.expiresAt ?? 0) <= clock.now())
      throw new DomainError('not_found', 'The announced upload has expired');
  }

  /** Writes the bytes, then has `commit` refer to them; bytes that nothing refers to are removed. */
  async #take(
    file: IncomingFile,
    commit: (content: MediaContent) => Promise<boolean>,
    maxBytes = this.rules.maxBytes,
  ): Promise<boolean> {
    const { blobs } = this.#ports;
    const blob = await blobs.write(file.bytes, maxBytes);
    // When `commit` throws, it may have been done nevertheless: the next start finds out.
    const isDone = await commit(contentOf(blob, file));
    await (isDone ? blobs.confirm(blob.id) : blobs.remove(blob.id));
    return isDone;
  }

  #newId(): string {
    return randomToken(this.#ports.random, MEDIA_ID_LENGTH);
  }
}
