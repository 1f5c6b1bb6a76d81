/** Most one-time keys in one upload, and waiting in stock for one algorithm; clients keep 50 to 100. */
export const MAX_KEYS_PER_UPLOAD = 500;
export const MAX_STOCK_PER_ALGORITHM = 1_000;

/** Most fallback keys in one upload: one per algorithm that a client speaks. */
export const MAX_FALLBACK_KEYS = 16;

/** Longest algorithm name and key id, in characters. The spec sets none; identifiers elsewhere end at 255. */
export const MAX_ALGORITHM_LENGTH = 100;
export const MAX_KEY_ID_LENGTH = 255;

/** Largest single key as JSON, in characters: an ML-KEM public key with its signature takes 2,000. */
export const MAX_KEY_LENGTH = 8_192;

/** Largest identity keys of a device as JSON, in characters. */
export const MAX_DEVICE_KEYS_LENGTH = 32_768;

/** Most users in one query of keys, and most devices in one claim. */
export const MAX_USERS_PER_QUERY = 5_000;
export const MAX_DEVICES_PER_CLAIM = 10_000;

/** A device with fewer one-time keys than this is asked for more. */
export const LOW_STOCK = 50;

/** Algorithms whose keys must carry the device's signature. */
export const mustBeSigned = (algorithm: string): boolean =>
  algorithm.startsWith('signed_') || algorithm.startsWith('chat.nyx.');
