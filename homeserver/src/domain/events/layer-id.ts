import type { Random } from '../../ports/random.ts';

/** 96 random bits: unique over all rooms without asking anybody. */
const LAYER_ID_BYTES = 12;

/** A new id for a state layer. */
export const newLayerId = (random: Random): string =>
  Buffer.from(random.bytes(LAYER_ID_BYTES)).toString('base64url');
