import { DomainError } from '../errors.ts';

/** Most bytes of what stands before the file: boundaries, headers, metadata. */
const MAX_HEAD = 65_536;
const EMPTY = Buffer.alloc(0);

const malformed = (): DomainError => new DomainError('bad_gateway', 'The other server sent malformed media');

/** Reads a stream up to given bytes. */
class DelimitedReader {
  readonly #source: AsyncIterator<Uint8Array>;
  /** The first boundary stands at the start, without the line break that others have before them. */
  #buffer: Buffer = Buffer.from('\r\n');

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** What comes before `delimiter`, which is consumed too. Throws `bad_gateway` when it does not come in time. */
  async until(delimiter: Buffer): Promise<string> {
    for (;;) {
      const at = this.#buffer.indexOf(delimiter);
      if (at !== -1) {
        const text = this.#buffer.toString('utf8', 0, at);
        this.#buffer = this.#buffer.subarray(at + delimiter.length);
        return text;
      }
      if (this.#buffer.length > MAX_HEAD || !(await this.#fill())) throw malformed();
    }
  }

  /** Streams what comes before `delimiter`. Throws `bad_gateway` when the stream ends without it. */
  async *streamUntil(delimiter: Buffer): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const at = this.#buffer.indexOf(delimiter);
        if (at !== -1) {
          yield this.#buffer.subarray(0, at);
          return;
        }
        // The end of what is here may be the delimiter's beginning.
        const safe = Math.max(0, this.#buffer.length - delimiter.length + 1);
        if (safe > 0) yield this.#buffer.subarray(0, safe);
        this.#buffer = this.#buffer.subarray(safe);
        if (!(await this.#fill())) throw malformed();
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.#buffer = EMPTY;
    await this.#source.return?.();
  }

  async #fill(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#buffer = Buffer.concat([this.#buffer, next.value]);
    return true;
  }
}

/** A file as another server sends it. */
export type SentFile = {
  readonly headers: Readonly<Record<string, string>>;
  /** Must be read, or given up by `return`. Throws `bad_gateway` when it is cut short. */
  readonly bytes: AsyncGenerator<Uint8Array>;
};

/** The boundary in a Content-Type header, or undefined when it is not of multipart/mixed. */
export const boundaryOf = (contentType: string | undefined): string | undefined => {
  if (!/^multipart\/mixed *;/i.test(contentType ?? '')) return undefined;
  const match = /; *boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?![^\s;]))/i.exec(contentType ?? '');
  return match?.[1] ?? match?.[2];
};

const headersOf = (block: string): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (const line of block.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
};

/** Reads metadata and file of a federation download (spec: Server-Server API, GET media/download/{mediaId}). */
export const readSentFile = async (
  source: AsyncIterable<Uint8Array>,
  boundary: string,
): Promise<SentFile> => {
  const reader = new DelimitedReader(source);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const endOfHeaders = Buffer.from('\r\n\r\n');
  try {
    await reader.until(delimiter);
    await reader.until(endOfHeaders);
    // The metadata, which say nothing yet.
    await reader.until(delimiter);
    const block = await reader.until(endOfHeaders);
    if (block.startsWith('--')) throw malformed();
    return { headers: headersOf(block), bytes: reader.streamUntil(delimiter) };
  } catch (error) {
    await reader.close();
    throw error;
  }
};

/** The file name in a Content-Disposition header (RFC 6266). */
export const nameIn = (header: string | undefined): string | undefined => {
  const extended = /filename\*=utf-8''([^;\s]+)/i.exec(header ?? '')?.[1];
  const plain = /filename=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header ?? '');
  if (extended === undefined) return plain?.[1]?.replaceAll(/\\(.)/g, '$1') ?? plain?.[2];
  try {
    return decodeURIComponent(extended);
  } catch {
    return undefined;
  }
};
