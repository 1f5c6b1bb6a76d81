import type { SessionRuntime } from '../../runtime/session-runtime.ts';
import { clearEntries } from '../../matrix/timeline/clear.ts';
import { StoredSource } from '../../matrix/timeline/stored-source.ts';

const maxPages = 2_000;
const perPage = 200;

/** Everything this device can read of a room, newest page first fetched, oldest event first written, as JSON. */
export const exportRoom = async (
  runtime: SessionRuntime,
  roomId: string,
  onProgress: (count: number) => void,
): Promise<Blob> => {
  const source = new StoredSource(runtime.db, runtime.api, roomId);
  const pages: string[][] = [];
  let count = 0;
  const opened = await source.open(perPage);
  let page = opened.ok ? opened.value : undefined;
  for (let round = 0; page !== undefined && round < maxPages; round += 1) {
    const entries = await clearEntries(runtime.decryptor, roomId, page.events);
    pages.unshift(
      entries.map(({ event, clear }) =>
        JSON.stringify(
          clear.state === 'decrypted'
            ? { ...event, type: clear.type, content: clear.content, encrypted: true }
            : clear.state === 'clear'
              ? event
              : { ...event, unreadable: clear.state },
        ),
      ),
    );
    count += page.events.length;
    onProgress(count);
    if (page.end) break;
    const next = await source.older(perPage);
    page =
      next.ok && (next.value.events.length > 0 || !next.value.end)
        ? { ...next.value, live: false, atStart: false }
        : undefined;
  }
  return new Blob(['[\n', pages.flat().join(',\n'), '\n]\n'], { type: 'application/json' });
};
