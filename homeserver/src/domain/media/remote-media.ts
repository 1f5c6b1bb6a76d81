import type { BlobStore } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MediaContent, MediaStore } from '../../ports/media-store.ts';
import type { PeerMedia } from '../../ports/peer-media.ts';
import { DomainError } from '../errors.ts';
import { fileName, mediaType } from './file-facts.ts';
import { boundaryOf, nameIn, readSentFile } from './multipart.ts';

export type RemoteMediaPorts = {
  readonly peers: PeerMedia;
  readonly store: MediaStore;
  readonly blobs: BlobStore;
  readonly clock: Clock;
};

const broken = (cause?: unknown): DomainError =>
  new DomainError('bad_gateway', 'The other server did not send the media', { cause });

async function* orBroken(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw error instanceof DomainError ? error : broken(error);
  }
}

/** Closes a stream that nobody wants to read: one that was never begun would stay open until its timeout. */
const letGo = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
  const iterator = bytes[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
};

/** Files of other servers, fetched once and kept. */
export class RemoteMedia {
  readonly #ports: RemoteMediaPorts;
  readonly #maxBytes: number;
  /** Fetches under way, so that a room full of readers asks once. */
  readonly #running = new Map<string, Promise<MediaContent>>();

  constructor(ports: RemoteMediaPorts, maxBytes: number) {
    this.#ports = ports;
    this.#maxBytes = maxBytes;
  }

  /** The file, from here or from its server. Throws what `PeerMedia` throws. */
  async fetch(server: string, mediaId: string): Promise<MediaContent> {
    const key = `${server}/${mediaId}`;
    const running = this.#running.get(key) ?? this.#fetch(server, mediaId);
    this.#running.set(key, running);
    try {
      return await running;
    } finally {
      this.#running.delete(key);
    }
  }

  async #fetch(server: string, mediaId: string): Promise<MediaContent> {
    const { peers, store, blobs, clock } = this.#ports;
    const { contentType, body } = await peers.open(server, mediaId);
    const boundary = boundaryOf(contentType);
    if (boundary === undefined) {
      await letGo(body);
      throw broken();
    }
    const { headers, bytes } = await readSentFile(orBroken(body), boundary);
    const file = { bytes, type: headers['content-type'], disposition: headers['content-disposition'] };
    const { blob, type, disposition } =
      headers.location === undefined
        ? { ...file, blob: await this.#write(bytes) }
        : await this.#elsewhere(headers.location, bytes);
    const name = fileName(nameIn(disposition));
    const content = {
      blob: blob.id,
      size: blob.size,
      sha256: blob.sha256,
      contentType: mediaType(type),
      ...(name === undefined ? {} : { fileName: name }),
    };
    if (await store.add({ server, mediaId, createdAt: clock.now(), seenAt: clock.now(), content })) {
      await blobs.confirm(blob.id);
      return content;
    }
    // Another process was faster.
    await blobs.remove(blob.id);
    return (await store.find(server, mediaId))?.content ?? content;
  }

  /** The file that a server keeps somewhere else (spec: Server-Server API, Location of the second part). */
  async #elsewhere(location: string, part: AsyncIterable<Uint8Array>) {
    await letGo(part);
    const { contentType: type, disposition, body } = await this.#ports.peers.openElsewhere(location);
    return { type, disposition, blob: await this.#write(orBroken(body)) };
  }

  async #write(bytes: AsyncIterable<Uint8Array>) {
    try {
      return await this.#ports.blobs.write(bytes, this.#maxBytes);
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== 'too_large') throw error;
      // The client's request was small: the spec has 502 for this.
      throw new DomainError('bad_gateway', 'The content is too large to serve', {
        fields: { errcode: 'M_TOO_LARGE' },
      });
    }
  }
}
