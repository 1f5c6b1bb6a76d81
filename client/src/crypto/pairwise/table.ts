import { PairwiseError } from './errors.ts';

/** Sessions kept per peer device; the one out of use for longest goes first. */
export const MAX_SESSIONS = 8;
/** At most one session of our making per peer device in this time. */
export const SESSION_INTERVAL_MS = 60 * 60 * 1000;
/** Answers to unknown sessions that are remembered per peer device, to give each once an interval. */
const MAX_REMEMBERED_ERRORS = 8;

export type SessionEntry = {
  /** Hexadecimal session id. */
  readonly sid: string;
  /** "pending": of our making and unanswered. "archived": decrypts what is in flight, sends nothing. */
  readonly state: 'pending' | 'open' | 'archived';
};

/** The sessions with one peer device: a small record beside the sessions' own. */
export type PeerTable = {
  /** In order of use; the first that is not archived is the one to send on. */
  readonly entries: readonly SessionEntry[];
  /** Clock (ms) when we last opened a session. */
  readonly openedAt: number | undefined;
  /** Newest day of a signed prekey that the device has shown. */
  readonly newestSignedDay: number;
  /** Session errors we have sent. */
  readonly errorsSent: readonly { readonly sid: string; readonly at: number }[];
};

export const EMPTY_TABLE: PeerTable = {
  entries: [],
  openedAt: undefined,
  newestSignedDay: 0,
  errorsSent: [],
};

/** A table, and the ids of sessions that it no longer has room for: delete their records in the same commit. */
export type TableChange = { readonly table: PeerTable; readonly dropped: readonly string[] };

const withEntries = (table: PeerTable, entries: readonly SessionEntry[]): TableChange => ({
  table: { ...table, entries: entries.slice(0, MAX_SESSIONS) },
  dropped: entries.slice(MAX_SESSIONS).map(({ sid }) => sid),
});

/** The session to send on. */
export const currentEntry = (table: PeerTable): SessionEntry | undefined =>
  table.entries.find(({ state }) => state !== 'archived');

/** Throws SESSION_RATE_LIMITED when a session was opened within the last hour. */
export const requireMayOpen = (table: PeerTable, now: number): void => {
  const { openedAt } = table;
  if (openedAt !== undefined && now - openedAt < SESSION_INTERVAL_MS && now >= openedAt)
    throw new PairwiseError('SESSION_RATE_LIMITED');
};

/** Enters a session that we opened: it is the one to send on. */
export const enterOpened = (table: PeerTable, sid: string, now: number, signedDay: number): TableChange =>
  withEntries({ ...table, openedAt: now, newestSignedDay: Math.max(table.newestSignedDay, signedDay) }, [
    { sid, state: 'pending' },
    ...table.entries,
  ]);

/**
 * Enters a session that the peer opened. It becomes the one to send on, for the peer may have lost every other; but
 * when both sides opened one at the same time, both take the lower id.
 */
export const enterAccepted = (table: PeerTable, sid: string): TableChange => {
  const entry: SessionEntry = { sid, state: 'open' };
  const current = currentEntry(table);
  if (current?.state !== 'pending' || sid < current.sid) return withEntries(table, [entry, ...table.entries]);
  const at = table.entries.indexOf(current) + 1;
  return withEntries(table, table.entries.toSpliced(at, 0, entry));
};

/** The peer used a session: it is answered, and unless archived the one to send on. */
export const useSession = (table: PeerTable, sid: string): PeerTable => {
  const found = table.entries.find((entry) => entry.sid === sid);
  if (found === undefined || found.state === 'archived') return table;
  if (found === table.entries[0] && found.state === 'open') return table;
  const rest = table.entries.filter((entry) => entry !== found);
  return { ...table, entries: [{ sid, state: 'open' }, ...rest] };
};

/** Stops sending on a session. */
export const archiveSession = (table: PeerTable, sid: string): PeerTable => ({
  ...table,
  entries: table.entries.map((entry) => (entry.sid === sid ? { sid, state: 'archived' } : entry)),
});

/** Whether a session error about `sid` may be sent now, and the table that remembers it. */
export const rememberError = (table: PeerTable, sid: string, now: number): PeerTable | undefined => {
  const recent = table.errorsSent.filter(({ at }) => now - at < SESSION_INTERVAL_MS);
  if (recent.length >= MAX_REMEMBERED_ERRORS || recent.some((error) => error.sid === sid)) return undefined;
  return { ...table, errorsSent: [...recent, { sid, at: now }] };
};
