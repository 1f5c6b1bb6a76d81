/** Bounds of push notifications. */

/** Most pushers of one user: a handful of devices with a few apps each. */
export const MAX_PUSHERS = 100;
/** Longest pushkey in bytes, and app id in characters (spec: Client-Server API, POST pushers/set). */
export const MAX_PUSHKEY_BYTES = 512;
export const MAX_APP_ID = 64;
/** Most bytes of `data`. */
export const MAX_DATA_BYTES = 16_384;
/** Longest display name and language. */
export const MAX_NAME = 512;
/** Path that a gateway's address must have (spec: Push Gateway API). */
export const GATEWAY_PATH = '/_matrix/push/v1/notify';
/** Most bytes read of a gateway's answer. */
export const MAX_GATEWAY_ANSWER = 65_536;
/** Pushes of one pusher that are delivered at a time. */
export const MAX_BATCH = 50;
/** First pause after a failure; it doubles up to the longest. */
export const FIRST_PAUSE_MS = 2_000;
export const LONGEST_PAUSE_MS = 3_600_000;
/** Rooms over which unread messages are counted for the badge; newest memberships first. */
export const MAX_BADGE_ROOMS = 500;
