import type { DeviceRef, GivenKey, PrekeyStore } from '../../ports/device-key-store.ts';
import type { RateLimiter } from '../../ports/rate-limiter.ts';
import type { ClaimedKeys, ClaimWish, RemoteKeys } from '../../ports/remote-keys.ts';
import { DomainError } from '../errors.ts';
import { MAX_DEVICES_PER_CLAIM } from './limits.ts';
import { addClaimed } from './claimed-keys.ts';
import type { RemoteBundles } from './federation/remote-bundles.ts';
import { requestDigest } from './request-digest.ts';
import { splitByServer } from './split-by-server.ts';

/** Told of devices whose stock changed: counts are stale, and who is low is asked for more. */
export interface StockWatch {
  claimed(device: DeviceRef): void;
  uploaded(device: DeviceRef): void;
}

/** How a claim of one algorithm ended. `refused`: the claimer is over its limit, so the fallback key was given. */
export type ClaimOutcome = 'one_time' | 'fallback' | 'refused' | 'nothing';

/** Counts claims. */
export interface ClaimMeter {
  claimed(algorithm: string, outcome: ClaimOutcome): void;
}

export type ClaimDeps = {
  readonly prekeys: PrekeyStore;
  readonly remote: RemoteKeys;
  readonly remoteBundles: RemoteBundles;
  readonly meter: ClaimMeter;
  readonly rateLimiter: RateLimiter;
  readonly stock: StockWatch;
  readonly serverName: string;
};

/** Who claims: a local user, or another server on behalf of users it does not name. */
export type Claimer = { readonly user: string; readonly deviceId: string } | { readonly server: string };

export type ClaimAnswer = { readonly keys: ClaimedKeys; readonly failures: readonly string[] };

/** Bundle claims are one transaction per device and can be repeated under their transaction id. */
export type ClaimMode = { readonly bundle: boolean; readonly txnId?: string | undefined };

/** Claims under way at once for one request. */
const PARALLEL = 16;

const nameOf = (claimer: Claimer): string => ('user' in claimer ? claimer.user : claimer.server);

/** Transaction ids are the device's own (spec: Client-Server API, Transaction identifiers). */
const repeaterOf = (claimer: Claimer): string =>
  'user' in claimer ? `${claimer.user}\n${claimer.deviceId}` : claimer.server;

/**
 * Whether the claimer may still have one-time keys of this device. Beyond the limit the answer is the fallback key
 * alone and never an error: conversations start, and the stock is safe from being drained.
 */
const mayTakeOneTimeKey = async (
  { rateLimiter }: ClaimDeps,
  claimer: Claimer,
  { userId, deviceId }: DeviceRef,
): Promise<boolean> => {
  try {
    const limit = 'user' in claimer ? 'claimDevice' : 'claimDeviceRemote';
    await rateLimiter.consume(limit, `${nameOf(claimer)}|${userId}|${deviceId}`);
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'limit_exceeded') return false;
    throw error;
  }
};

const meter = (
  { meter: count }: ClaimDeps,
  algorithms: readonly string[],
  keys: readonly GivenKey[],
  allowed: boolean,
): void => {
  for (const algorithm of algorithms) {
    const key = keys.find((found) => found.algorithm === algorithm);
    if (key === undefined) count.claimed(algorithm, 'nothing');
    else if (!key.isFallback) count.claimed(algorithm, 'one_time');
    else count.claimed(algorithm, allowed ? 'fallback' : 'refused');
  }
};

const takeKeys = async (
  { prekeys }: ClaimDeps,
  claimer: Claimer,
  device: DeviceRef,
  algorithms: readonly string[],
  { bundle, txnId }: ClaimMode,
  allowed: boolean,
): Promise<GivenKey[]> => {
  if (bundle) {
    const repeat = txnId === undefined ? {} : { repeat: { claimer: repeaterOf(claimer), txnId } };
    return prekeys.takeBundle({ device, algorithms, fallbackOnly: !allowed, ...repeat });
  }
  const [algorithm] = algorithms;
  if (algorithm === undefined) return [];
  const key =
    (allowed ? await prekeys.take(device, algorithm) : undefined) ??
    (await prekeys.fallback(device, algorithm));
  return key === undefined ? [] : [key];
};

const claimOne = async (
  deps: ClaimDeps,
  claimer: Claimer,
  device: DeviceRef,
  algorithms: readonly string[],
  mode: ClaimMode,
): Promise<GivenKey[]> => {
  const allowed = await mayTakeOneTimeKey(deps, claimer, device);
  const keys = await takeKeys(deps, claimer, device, algorithms, mode, allowed);
  meter(deps, algorithms, keys, allowed);
  // Whoever asks for devices that do not exist leaves no trace.
  if (keys.length > 0) deps.stock.claimed(device);
  return keys;
};

/** Claims keys of this server's devices. */
export const claimLocalKeys = async (
  deps: ClaimDeps,
  claimer: Claimer,
  wish: ClaimWish,
  mode: ClaimMode,
): Promise<ClaimedKeys> => {
  const devices = [...wish].flatMap(([userId, byDevice]) =>
    [...byDevice].map(([deviceId, algorithms]) => ({ device: { userId, deviceId }, algorithms })),
  );
  if (devices.length > MAX_DEVICES_PER_CLAIM)
    throw new DomainError('invalid_param', `At most ${MAX_DEVICES_PER_CLAIM} devices can be claimed at once`);
  const keys: ClaimedKeys = new Map();
  for (let start = 0; start < devices.length; start += PARALLEL) {
    await Promise.all(
      devices.slice(start, start + PARALLEL).map(async ({ device, algorithms }) => {
        for (const { keyId, key } of await claimOne(deps, claimer, device, algorithms, mode))
          addClaimed(keys, device, keyId, key);
      }),
    );
  }
  return keys;
};

/**
 * Claims keys wherever the devices live (spec: Client-Server API, POST /keys/claim): ours here, the others in parallel
 * under the timeout. A server that does not answer is named in `failures`.
 */
export const claimKeys = async (
  deps: ClaimDeps,
  claimer: { readonly user: string; readonly deviceId: string },
  wish: ClaimWish,
  mode: ClaimMode & { readonly timeoutMs: number },
): Promise<ClaimAnswer> => {
  const failures: string[] = [];
  const { bundle, txnId, timeoutMs } = mode;
  const ask = (server: string, part: ClaimWish): Promise<ClaimedKeys> => {
    if (!bundle) return deps.remote.claim(server, part, { timeoutMs });
    if (txnId === undefined) return deps.remote.claim(server, part, { timeoutMs, bundleTxnId: '' });
    // The other server knows this one alone: two users' transaction ids must not meet there.
    const bundleTxnId = requestDigest(['bundle', repeaterOf(claimer), txnId].join('\n'));
    return deps.remoteBundles.once(`${server}\n${bundleTxnId}`, () =>
      deps.remote.claim(server, part, { timeoutMs, bundleTxnId }),
    );
  };
  const parts = await Promise.all(
    [...splitByServer(wish)].map(async ([server, part]): Promise<ClaimedKeys> => {
      if (server === deps.serverName) return claimLocalKeys(deps, claimer, part, mode);
      try {
        return await ask(server, part);
      } catch {
        failures.push(server);
        return new Map();
      }
    }),
  );
  return { keys: new Map(parts.flatMap((part) => [...part])), failures };
};
