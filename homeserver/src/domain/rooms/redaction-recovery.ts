import type { EventReader } from '../../ports/event-store.ts';
import type { Redactions } from './redactions.ts';

/** Events before the end of the stream that are looked through: a crash leaves out only what was under way. */
const MAX_LOOKED_AT = 5_000;
const PAGE = 500;

/**
 * Applies redactions that were stored, but not yet carried out on their targets, when a process ended. Repeating one
 * that was carried out changes nothing.
 */
export async function recoverRedactions(
  reader: EventReader,
  redactions: Redactions,
  mark: number,
): Promise<void> {
  let after = Math.max(0, mark - MAX_LOOKED_AT);
  for (;;) {
    // Also what lies above the mark: another process may have ended with it.
    const page = await reader.stream(after, Number.MAX_SAFE_INTEGER, PAGE);
    for (const event of page) if (event.pdu.redacts !== undefined) await redactions.apply(event);
    const last = page.at(-1)?.stream;
    if (last === undefined || page.length < PAGE) return;
    after = last;
  }
}
