import { JsonError } from '@nyx/federation/json/errors.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { ownObject } from '@nyx/federation/json/value.ts';
import { VerifyKey } from '@nyx/federation/signing/keys.ts';
import { verifyJson } from '@nyx/federation/signing/verify-json.ts';
import type { DeviceRef } from '../../ports/device-key-store.ts';
import { DomainError } from '../errors.ts';

/** The Ed25519 key with which a device signs, out of its identity keys; undefined when it has none that is usable. */
export const deviceSigningKey = (deviceKeys: JsonObject, deviceId: string): VerifyKey | undefined => {
  const keys = ownObject(deviceKeys, 'keys');
  const text = keys?.[`ed25519:${deviceId}`];
  return typeof text === 'string' ? VerifyKey.fromBase64(text) : undefined;
};

/** Whether `object` carries a valid signature by the device (spec: Appendices, Checking for a Signature). */
export const isSignedByDevice = (
  object: JsonObject,
  { userId, deviceId }: DeviceRef,
  key: VerifyKey,
): boolean => {
  try {
    return verifyJson(object, userId, (keyId) => (keyId === `ed25519:${deviceId}` ? key : undefined)).ok;
  } catch (error) {
    // Numbers that canonical JSON forbids cannot have been signed.
    if (error instanceof JsonError) return false;
    throw error;
  }
};

/** Throws `invalid_param` unless `object` is signed by the device. */
export const requireSignedByDevice = (
  object: JsonObject,
  device: DeviceRef,
  key: VerifyKey,
  what: string,
): void => {
  if (!isSignedByDevice(object, device, key))
    throw new DomainError('invalid_param', `${what} is not signed by this device`);
};
