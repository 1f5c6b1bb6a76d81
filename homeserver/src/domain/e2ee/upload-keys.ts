import { canonicalJson } from '@nyx/federation/json/canonical.ts';
import type {
  DeviceKeyStore,
  DeviceRef,
  KeyHistory,
  KeyStock,
  NamedKey,
  PrekeyStore,
} from '../../ports/device-key-store.ts';
import { KeyIdTakenError } from '../../ports/device-key-store.ts';
import { DomainError } from '../errors.ts';
import type { StockWatch } from './claim-keys.ts';
import { deviceSigningKey } from './check-signed.ts';
import { MAX_STOCK_PER_ALGORITHM } from './limits.ts';
import { keyDigest } from './key-digest.ts';
import { parseDeviceKeys, parsePrekeys } from './parse-upload.ts';

export type UploadDeps = {
  readonly devices: DeviceKeyStore;
  readonly prekeys: PrekeyStore;
  readonly stock: StockWatch;
};

export type UploadRequest = {
  readonly deviceKeys?: unknown;
  readonly oneTimeKeys?: Readonly<Record<string, unknown>> | undefined;
  readonly fallbackKeys?: Readonly<Record<string, unknown>> | undefined;
};

/** Times an upload is judged again because another one of the same device came between. */
const MAX_COLLISIONS = 3;

const sameKey = (left: NamedKey['key'], right: NamedKey['key']): boolean =>
  canonicalJson(left, 'lenient') === canonicalJson(right, 'lenient');

/**
 * Which of the keys are new. A key that is stored already, unchanged, is not; a changed one is refused. An id that was
 * spent is refused for good, since its key was given to somebody; but a client that repeats a whole upload, because
 * the answer was lost and some of the keys were claimed meanwhile, is not punished: what was spent stays spent.
 */
export const newKeys = (keys: readonly NamedKey[], { stored, seen }: KeyHistory): NamedKey[] => {
  const fresh: NamedKey[] = [];
  let spent = 0;
  const batches = new Set<string | undefined>();
  for (const key of keys) {
    const existing = stored.get(key.keyId);
    const before = seen.get(key.keyId);
    batches.add(before?.digest === keyDigest(key.key) ? before.batch : undefined);
    if (existing !== undefined) {
      if (!sameKey(existing, key.key))
        throw new DomainError('invalid_param', 'A one-time key with this id but another value exists');
    } else if (before === undefined) fresh.push(key);
    else spent += 1;
  }
  const isRepeat = batches.size === 1 && !batches.has(undefined) && spent < keys.length;
  if (spent > 0 && !isRepeat)
    throw new DomainError('invalid_param', 'A one-time key with this id was claimed before');
  return fresh;
};

const checkStock = ({ oneTime }: KeyStock, fresh: readonly NamedKey[]): void => {
  for (const [algorithm, keys] of Map.groupBy(fresh, (key) => key.algorithm)) {
    if ((oneTime[algorithm] ?? 0) + keys.length > MAX_STOCK_PER_ALGORITHM)
      throw new DomainError('invalid_param', `There are too many one-time keys of ${algorithm} in stock`);
  }
};

/**
 * Stores what a device uploads (spec: Client-Server API, POST /keys/upload), all of it or nothing, and answers with the
 * stock. Signatures are checked against the identity key of the same request, else against the published one.
 */
export const uploadKeys = async (
  { devices, prekeys, stock: watch }: UploadDeps,
  device: DeviceRef,
  request: UploadRequest,
): Promise<KeyStock> => {
  const published = await devices.get(device);
  const deviceKeys =
    request.deviceKeys === undefined ? undefined : parseDeviceKeys(request.deviceKeys, device);
  const identity = deviceKeys ?? published;
  const signingKey = identity === undefined ? undefined : deviceSigningKey(identity, device.deviceId);
  const oneTimeKeys = parsePrekeys(request.oneTimeKeys, 'one-time', device, signingKey);
  const fallbackKeys = parsePrekeys(request.fallbackKeys, 'fallback', device, signingKey);
  const isChanged =
    deviceKeys !== undefined &&
    (published === undefined || canonicalJson(deviceKeys, 'lenient') !== canonicalJson(published, 'lenient'));
  for (let collisions = 0; ; collisions += 1) {
    const history = await devices.history(
      device,
      oneTimeKeys.map(({ keyId }) => keyId),
    );
    const fresh = newKeys(oneTimeKeys, history);
    const stock = await prekeys.stock(device);
    checkStock(stock, fresh);
    if (!isChanged && fresh.length === 0 && fallbackKeys.length === 0) return stock;
    try {
      await devices.commit({
        device,
        ...(isChanged ? { deviceKeys, replacesIdentity: published !== undefined } : {}),
        oneTimeKeys: fresh,
        fallbackKeys,
      });
      watch.uploaded(device);
      return await prekeys.stock(device);
    } catch (error) {
      if (!(error instanceof KeyIdTakenError) || collisions >= MAX_COLLISIONS) throw error;
    }
  }
};
