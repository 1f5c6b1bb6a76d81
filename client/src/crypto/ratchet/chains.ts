import { chainMessageKeys, type ChainKey, type MessageKey } from '../primitives/kdf-chain.ts';
import { MAX_RECEIVING_CHAINS, MAX_SKIPPED_KEYS, SKIPPED_KEY_LIFETIME_MS } from './bounds.ts';
import { RatchetError } from './errors.ts';
import type { ReceivingChain } from './state.ts';

/** Moves a chain past counter `n`, setting aside the keys of the frames that `n` overtook. */
export const passChain = (
  chain: ReceivingChain,
  chainKey: ChainKey,
  n: number,
  next: ChainKey,
  now: number,
): ReceivingChain => {
  const done = chain.end !== undefined && n + 1 >= chain.end;
  if (done) next.wipe();
  const passed = { ...chain, chainKey: done ? undefined : next, n: n + 1 };
  const overtaken = n - chain.n;
  if (overtaken === 0) return passed;
  const added = chainMessageKeys(chainKey, overtaken).map((key, i) => ({ n: chain.n + i, key, at: now }));
  return { ...passed, skipped: [...chain.skipped, ...added] };
};

/** The key set aside for counter `n`, and the chain without it. Throws MESSAGE_KEY_USED when there is none. */
export const takeSkipped = (
  chain: ReceivingChain,
  n: number,
  now: number,
): { readonly key: MessageKey; readonly rest: ReceivingChain } => {
  const found = chain.skipped.find((skipped) => skipped.n === n);
  if (found === undefined || now - found.at > SKIPPED_KEY_LIFETIME_MS)
    throw new RatchetError('MESSAGE_KEY_USED');
  return {
    key: found.key,
    rest: { ...chain, skipped: chain.skipped.filter((skipped) => skipped !== found) },
  };
};

/** The peer has left this chain after `length` frames: later counters do not exist. */
export const closeChain = (chain: ReceivingChain, length: number, now: number): ReceivingChain => {
  const end = Math.max(length, chain.n);
  return { ...chain, end, closedAt: now, chainKey: end > chain.n ? chain.chainKey : undefined };
};

const isSpent = (chain: ReceivingChain): boolean =>
  chain.end !== undefined && chain.chainKey === undefined && chain.skipped.length === 0;

const isExpired = (chain: ReceivingChain, now: number): boolean =>
  chain.closedAt !== undefined && now - chain.closedAt > SKIPPED_KEY_LIFETIME_MS;

/** Cuts to five chains: one with nothing left to receive goes before one with, an older before a newer. */
const cutChains = (chains: readonly ReceivingChain[]): readonly ReceivingChain[] => {
  if (chains.length <= MAX_RECEIVING_CHAINS) return chains;
  const spent = chains.findLastIndex((chain, at) => at > 0 && isSpent(chain));
  return cutChains(chains.toSpliced(spent > 0 ? spent : -1, 1));
};

/** Applies the bounds: at most five chains, 2,000 keys set aside, none of them older than 14 days. */
export const keepChains = (chains: readonly ReceivingChain[], now: number): readonly ReceivingChain[] => {
  const kept: ReceivingChain[] = [];
  let room = MAX_SKIPPED_KEYS;
  for (const [at, chain] of cutChains(chains).entries()) {
    if (at > 0 && isExpired(chain, now)) continue;
    if (chain.skipped.length === 0) {
      kept.push(chain);
      continue;
    }
    const fresh = chain.skipped.filter(({ at: since }) => now - since <= SKIPPED_KEY_LIFETIME_MS);
    // Newest chains first; within a chain the highest counters are the most likely to arrive still.
    const skipped = fresh.slice(Math.max(0, fresh.length - room));
    room -= skipped.length;
    kept.push(skipped.length === chain.skipped.length ? chain : { ...chain, skipped });
  }
  return kept;
};
