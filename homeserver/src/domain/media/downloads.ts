import type { Readable } from 'node:stream';
import type { BlobStore, ByteRange } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MediaContent, MediaRecord, MediaStore } from '../../ports/media-store.ts';
import { DomainError } from '../errors.ts';
import type { Arrivals } from './arrivals.ts';
import type { RemoteMedia } from './remote-media.ts';

export type DownloadPorts = {
  readonly store: MediaStore;
  readonly blobs: BlobStore;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  /** Undefined when this server does not federate. */
  readonly remote: RemoteMedia | undefined;
};

export type MediaRequest = {
  readonly server: string;
  readonly mediaId: string;
  /** How long to wait for an announced upload, in ms. */
  readonly timeoutMs: number;
  /** Whether another server may be asked for it. */
  readonly allowRemote: boolean;
  readonly signal: AbortSignal;
};

const MEDIA_ID = /^[A-Za-z0-9_-]{1,255}$/;
/** The longest wait for an announced upload that is granted. */
const MAX_WAIT_MS = 60_000;
/** Hints of arrivals may get lost, so waiting requests look for themselves. */
const LOOK_AGAIN_MS = 2_000;
const SEEN_EVERY_MS = 86_400_000;

const notFound = (): DomainError => new DomainError('not_found', 'No such media here');

/** Files handed out (spec: Client-Server API, Content repository). */
export class Downloads {
  readonly #ports: DownloadPorts;
  readonly #server: string;

  /** @param server our server name */
  constructor(ports: DownloadPorts, server: string) {
    this.#ports = ports;
    this.#server = server;
  }

  /** What a content URI holds. Throws `not_found` or, when it was announced and is not there, `not_yet_uploaded`. */
  async find(request: MediaRequest): Promise<MediaContent> {
    const { server, mediaId, signal } = request;
    const { clock, arrivals } = this.#ports;
    if (!MEDIA_ID.test(mediaId)) throw notFound();
    if (server !== this.#server) return this.#foreign(request);
    const deadline = clock.now() + Math.min(request.timeoutMs, MAX_WAIT_MS);
    for (;;) {
      const record = await this.#record(server, mediaId);
      if (record.content !== undefined) {
        await this.#see(record);
        return record.content;
      }
      const left = deadline - clock.now();
      if (left <= 0 || signal.aborted) break;
      await arrivals.wait(`${server}/${mediaId}`, Math.min(left, LOOK_AGAIN_MS), signal);
    }
    throw new DomainError('not_yet_uploaded', 'The content has not been uploaded yet');
  }

  /** The bytes, or a range of them. Throws `not_found` when the disk has lost them. */
  async open(content: MediaContent, range?: ByteRange): Promise<Readable> {
    const bytes = await this.#ports.blobs.open(content.blob, range);
    if (bytes === undefined) throw notFound();
    return bytes;
  }

  async #foreign({ server, mediaId, allowRemote }: MediaRequest): Promise<MediaContent> {
    const { store, remote } = this.#ports;
    const record = await store.find(server, mediaId);
    if (record?.content !== undefined) {
      await this.#see(record);
      return record.content;
    }
    if (remote === undefined || !allowRemote) throw notFound();
    return remote.fetch(server, mediaId);
  }

  /** Copies are deleted when nobody asks for them: who does is noted once a day. */
  async #see({ server, mediaId, seenAt }: MediaRecord): Promise<void> {
    const { store, clock } = this.#ports;
    const now = clock.now();
    if (seenAt !== undefined && now - seenAt > SEEN_EVERY_MS) await store.see(server, mediaId, now);
  }

  async #record(server: string, mediaId: string): Promise<MediaRecord> {
    const record = await this.#ports.store.find(server, mediaId);
    if (record === undefined) throw notFound();
    const isExpired = record.content === undefined && (record.expiresAt ?? 0) <= this.#ports.clock.now();
    if (isExpired) throw notFound();
    return record;
  }
}
