import type { DeviceRef, UploadedKey } from '../../ports/device-key-store.ts';
import type { ClaimedKeys } from '../../ports/remote-keys.ts';

/** Adds one claimed key. */
export const addClaimed = (
  keys: ClaimedKeys,
  { userId, deviceId }: DeviceRef,
  keyId: string,
  key: UploadedKey,
): void => {
  const byDevice = keys.get(userId) ?? new Map<string, Map<string, UploadedKey>>();
  keys.set(userId, byDevice);
  const byKey = byDevice.get(deviceId) ?? new Map<string, UploadedKey>();
  byDevice.set(deviceId, byKey);
  byKey.set(keyId, key);
};

/** Claimed keys as the answer's `one_time_keys`. `fromEntries`, so that a device named `__proto__` stays a key. */
export const claimedToJson = (keys: ClaimedKeys): Record<string, unknown> =>
  Object.fromEntries(
    [...keys].map(([user, devices]) => [
      user,
      Object.fromEntries([...devices].map(([device, byKey]) => [device, Object.fromEntries(byKey)])),
    ]),
  );
