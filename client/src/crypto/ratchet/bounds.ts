/** Bounds of the Double Ratchet (e2ee.md, section 2). */

/** How far ahead of the next expected counter a frame may be. */
export const MAX_JUMP = 2000;
/** Message keys kept for frames still on their way, per session; the oldest go first. */
export const MAX_SKIPPED_KEYS = 2000;
/** How long such a key, or a superseded chain, is kept. */
export const SKIPPED_KEY_LIFETIME_MS = 14 * 24 * 60 * 60 * 1000;
/** Receiving chains kept per session, the current one included. */
export const MAX_RECEIVING_CHAINS = 5;
/** Frames sent on one chain: far past any use, and what keeps the counter in 32 bits. */
export const MAX_CHAIN_LENGTH = 2 ** 31;
