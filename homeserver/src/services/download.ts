import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** A download that did not come. */
export class DownloadError extends Error {
  readonly code = 'DOWNLOAD_FAILED';
}

const REPORT_EVERY_MS = 2_000;

const megabytes = (bytes: number): string => (bytes / 1_000_000).toFixed(1);

/** "12.3 of 42.2 MB" or, where the whole is not known, "12.3 MB". */
export const progressText = (done: number, total: number | undefined): string =>
  total === undefined ? `${megabytes(done)} MB` : `${megabytes(done)} of ${megabytes(total)} MB`;

/** Why a fetch failed, in the words of the system ("connect ECONNREFUSED 127.0.0.1:1"). */
const causeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return causeOf(error.cause) || error.message;
  return error.message;
};

/**
 * Writes what `url` serves to `target`, reporting progress. Gives up when the site says nothing for `timeout`
 * milliseconds, at the start or in the middle.
 * @throws DownloadError
 */
export const download = async (
  url: string,
  target: string,
  options: { readonly timeout: number; readonly report: (line: string) => void; readonly label: string },
): Promise<void> => {
  const silence = new AbortController();
  const giveUp = () => silence.abort(new DownloadError(`no answer for ${options.timeout / 1_000} s`));
  let timer = setTimeout(giveUp, options.timeout);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, options.timeout);
  };
  const finished = new AbortController();
  try {
    const response = await fetch(url, { signal: silence.signal, redirect: 'follow' });
    heard();
    if (!response.ok || response.body === null) throw new DownloadError(`HTTP ${response.status}`);
    const length = Number(response.headers.get('content-length'));
    const total = length > 0 ? length : undefined;
    let done = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        heard();
        done += chunk.length;
        next(null, chunk);
      },
    });
    const ticker = (async () => {
      for (;;) {
        options.report(`${options.label}: ${progressText(done, total)}`);
        await delay(REPORT_EVERY_MS, undefined, { signal: finished.signal });
      }
    })();
    ticker.catch(() => undefined);
    await pipeline(Readable.fromWeb(response.body), count, createWriteStream(target, { mode: 0o600 }), {
      signal: silence.signal,
    });
  } catch (error) {
    const failure: unknown = silence.signal.aborted ? silence.signal.reason : error;
    throw failure instanceof DownloadError ? failure : new DownloadError(causeOf(failure));
  } finally {
    clearTimeout(timer);
    finished.abort();
  }
};
