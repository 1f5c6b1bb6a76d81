const DEFAULT_MS = 10_000;
const MAX_MS = 30_000;

/** How long other servers are waited for, in ms: what the client asks for, within reason. */
export const remoteTimeout = (wanted: number | undefined): number =>
  Math.min(Math.max(wanted ?? DEFAULT_MS, 0), MAX_MS);
