import type { EphemeralSource, PresenceSource, UnreadSource } from '../../ports/sync-sources.ts';

/** Sources of a server without the features behind them. */
export const noPresence: PresenceSource = { changed: () => Promise.resolve([]) };
export const noUnread: UnreadSource = {
  counts: () => Promise.resolve({ main: { notifications: 0, highlights: 0 }, threads: new Map() }),
};
export const noEphemeral: EphemeralSource = { changed: () => Promise.resolve(new Map()) };
