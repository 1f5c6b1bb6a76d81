import type { QueriedKeys, UserDevices } from '@nyx/federation/http/peer-keys-api.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { ownObject, ownString } from '@nyx/federation/json/value.ts';
import type { RemoteUserKeys } from '../../../ports/remote-keys.ts';
import { deviceSigningKey, isSignedByDevice } from '../check-signed.ts';

/** Identity keys that name their owner and are signed by it; anything else is not handed on. */
const isGenuine = (keys: JsonObject, userId: string, deviceId: string): boolean => {
  if (ownString(keys, 'user_id') !== userId || ownString(keys, 'device_id') !== deviceId) return false;
  const signingKey = deviceSigningKey(keys, deviceId);
  return signingKey !== undefined && isSignedByDevice(keys, { userId, deviceId }, signingKey);
};

const identityOf = (value: JsonObject | null | undefined, userId: string): JsonObject | undefined =>
  value && ownString(value, 'user_id') === userId ? value : undefined;

/** Checked keys of one device: its `unsigned` holds nothing but a display name. */
export const parseRemoteDevice = (
  keys: JsonObject,
  userId: string,
  deviceId: string,
  displayName: string | undefined,
): JsonObject | undefined => {
  if (!isGenuine(keys, userId, deviceId)) return undefined;
  const name = displayName ?? ownString(ownObject(keys, 'unsigned') ?? {}, 'device_display_name');
  const { unsigned: _unsigned, ...rest } = keys;
  return name === undefined ? rest : { ...rest, unsigned: { device_display_name: name } };
};

/** What `GET /user/devices` says of a user; undefined when it speaks of another one. */
export const parseUserDevices = (
  answer: UserDevices,
  userId: string,
): (RemoteUserKeys & { readonly streamId: number }) | undefined => {
  if (answer.user_id !== userId) return undefined;
  const devices = new Map<string, JsonObject>();
  for (const { device_id: deviceId, keys, device_display_name: name } of answer.devices) {
    const device = parseRemoteDevice(keys, userId, deviceId, name ?? undefined);
    if (device !== undefined) devices.set(deviceId, device);
  }
  return {
    streamId: answer.stream_id,
    devices,
    ...crossSigning(answer.master_key, answer.self_signing_key, userId),
  };
};

/** What `POST /user/keys/query` says of one of the users that were asked for. */
export const parseQueriedUser = (answer: QueriedKeys, userId: string): RemoteUserKeys => {
  const devices = new Map<string, JsonObject>();
  for (const [deviceId, value] of answer.device_keys.get(userId) ?? []) {
    const keys = parseRemoteDevice(value, userId, deviceId, undefined);
    if (keys !== undefined) devices.set(deviceId, keys);
  }
  return {
    devices,
    ...crossSigning(answer.master_keys.get(userId), answer.self_signing_keys.get(userId), userId),
  };
};

/** Cross-signing keys that name their owner. */
const crossSigning = (
  masterKey: JsonObject | null | undefined,
  selfSigningKey: JsonObject | null | undefined,
  userId: string,
): Pick<RemoteUserKeys, 'master' | 'selfSigning'> => {
  const master = identityOf(masterKey, userId);
  const selfSigning = identityOf(selfSigningKey, userId);
  return {
    ...(master === undefined ? {} : { master }),
    ...(selfSigning === undefined ? {} : { selfSigning }),
  };
};
