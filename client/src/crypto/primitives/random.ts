/** Source of randomness: returns `length` fresh uniform bytes that belong to the caller. Injected everywhere. */
export type Random = (length: number) => Uint8Array;

/** getRandomValues refuses more than this in one call (Web Crypto, section 10.1.1). */
const MAX_PER_CALL = 65_536;

/** The platform's generator, for the entry points that inject randomness. */
export const systemRandom: Random = (length) => {
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
