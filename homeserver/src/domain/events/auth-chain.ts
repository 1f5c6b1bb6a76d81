import type { ChainPlace } from './stored-event.ts';

/** Characters of an event id (after the `$`) that name a chain: 96 bits. */
const CHAIN_NAME_LENGTH = 16;

/**
 * The auth-chain index: every state event has a place (chain, sequence) such that within a chain each event has all
 * earlier ones in its auth chain, and knows how far it reaches into other chains. Then "is A in the auth chain of B"
 * and the difference of auth chains are comparisons of small maps, whatever the age of the room.
 *
 * @param predecessor place of the auth event to continue the chain of, if its successor's place is free.
 */
export function placeInChain(
  eventId: string,
  authPlaces: readonly ChainPlace[],
  predecessor: ChainPlace | undefined,
): ChainPlace {
  const reach = reachOf(authPlaces);
  if (predecessor !== undefined) {
    reach.delete(predecessor.chain);
    return { chain: predecessor.chain, seq: predecessor.seq + 1, reach };
  }
  return { chain: eventId.slice(1, 1 + CHAIN_NAME_LENGTH), seq: 1, reach };
}

/** For every chain, the highest place that is one of the events or in their auth chains. */
export function reachOf(places: Iterable<ChainPlace>): Map<string, number> {
  const reach = new Map<string, number>();
  const raise = (chain: string, seq: number): void => {
    if (seq > (reach.get(chain) ?? 0)) reach.set(chain, seq);
  };
  for (const place of places) {
    raise(place.chain, place.seq);
    for (const [chain, seq] of place.reach) raise(chain, seq);
  }
  return reach;
}

/** A stretch of a chain, both ends included. */
export type ChainRange = { readonly chain: string; readonly from: number; readonly to: number };

/**
 * The auth-chain difference of several sets of events: what is in the full auth chain of some set but not of all
 * (spec: state resolution v2, auth difference), as ranges of chains.
 */
export function authDifference(sets: readonly Iterable<ChainPlace>[]): ChainRange[] {
  const reaches = sets.map(reachOf);
  const chains = new Set(reaches.flatMap((reach) => [...reach.keys()]));
  const ranges: ChainRange[] = [];
  for (const chain of chains) {
    let lowest = Infinity;
    let highest = 0;
    for (const reach of reaches) {
      const seq = reach.get(chain) ?? 0;
      lowest = Math.min(lowest, seq);
      highest = Math.max(highest, seq);
    }
    if (highest > lowest) ranges.push({ chain, from: lowest + 1, to: highest });
  }
  return ranges;
}
