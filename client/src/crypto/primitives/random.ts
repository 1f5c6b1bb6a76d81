/** Source of randomness: returns `length` fresh uniform bytes that belong to the caller. Injected everywhere. */
export type Random = (length: number) => Uint8Array;

/** getRandomValues refuses more than this in one call (Web Crypto, section 10.1.1). */
const MAX_PER_CALL = 65_536;

/** Small requests are served from this many bytes fetched at once: a call costs more than a kilobyte. */
const POOL_BYTES = 4096;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/** The platform's generator, for the entry points that inject randomness. What was handed out leaves no copy here. */
export const systemRandom: Random = (length) => {
  if (length <= POOL_BYTES / 8) {
    if (used + length > POOL_BYTES) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    const taken = pool.slice(used, used + length);
    pool.fill(0, used, used + length);
    used += length;
    return taken;
  }
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += MAX_PER_CALL)
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + MAX_PER_CALL, length)));
  return bytes;
};

/** A uniform integer in [0, 2^32). */
export const randomU32 = (random: Random): number => {
  const bytes = random(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
};
