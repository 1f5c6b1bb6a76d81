import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isJsonObject, ownObject, ownString, ownValue } from '@nyx/federation/json/value.ts';
import type { RemoteUserKeys } from '../../../ports/remote-keys.ts';
import { deviceSigningKey, isSignedByDevice } from '../check-signed.ts';

/** Most devices taken of one user; more than anybody has. */
export const MAX_DEVICES_PER_USER = 1_000;

/** Identity keys that name their owner and are signed by it; anything else is not handed on. */
const isGenuine = (keys: JsonObject, userId: string, deviceId: string): boolean => {
  if (ownString(keys, 'user_id') !== userId || ownString(keys, 'device_id') !== deviceId) return false;
  const signingKey = deviceSigningKey(keys, deviceId);
  return signingKey !== undefined && isSignedByDevice(keys, { userId, deviceId }, signingKey);
};

const identityOf = (value: unknown, userId: string): JsonObject | undefined =>
  isJsonObject(value) && ownString(value, 'user_id') === userId ? value : undefined;

/** Checked keys of one device: its `unsigned` holds nothing but a display name. */
export const parseRemoteDevice = (
  keys: unknown,
  userId: string,
  deviceId: string,
  displayName: string | undefined,
): JsonObject | undefined => {
  if (!isJsonObject(keys) || !isGenuine(keys, userId, deviceId)) return undefined;
  const name = displayName ?? ownString(ownObject(keys, 'unsigned') ?? {}, 'device_display_name');
  const { unsigned: _unsigned, ...rest } = keys;
  return name === undefined ? rest : { ...rest, unsigned: { device_display_name: name } };
};

/** What `GET /user/devices` says of a user. */
export const parseUserDevices = (
  answer: JsonObject,
  userId: string,
): (RemoteUserKeys & { readonly streamId: number }) | undefined => {
  const streamId = ownValue(answer, 'stream_id');
  const list = ownValue(answer, 'devices');
  if (ownString(answer, 'user_id') !== userId || typeof streamId !== 'number' || !Array.isArray(list))
    return undefined;
  const devices = new Map<string, JsonObject>();
  for (const entry of list.slice(0, MAX_DEVICES_PER_USER) as unknown[]) {
    if (!isJsonObject(entry)) continue;
    const deviceId = ownString(entry, 'device_id') ?? '';
    const keys = parseRemoteDevice(entry.keys, userId, deviceId, ownString(entry, 'device_display_name'));
    if (keys !== undefined) devices.set(deviceId, keys);
  }
  const master = identityOf(answer.master_key, userId);
  const selfSigning = identityOf(answer.self_signing_key, userId);
  return {
    streamId,
    devices,
    ...(master === undefined ? {} : { master }),
    ...(selfSigning === undefined ? {} : { selfSigning }),
  };
};

/** What `POST /user/keys/query` says of one of the users that were asked for. */
export const parseQueriedUser = (answer: JsonObject, userId: string): RemoteUserKeys => {
  const devices = new Map<string, JsonObject>();
  const byDevice = ownObject(ownObject(answer, 'device_keys') ?? {}, userId) ?? {};
  for (const [deviceId, value] of Object.entries(byDevice).slice(0, MAX_DEVICES_PER_USER)) {
    const keys = parseRemoteDevice(value, userId, deviceId, undefined);
    if (keys !== undefined) devices.set(deviceId, keys);
  }
  const master = identityOf(ownObject(ownObject(answer, 'master_keys') ?? {}, userId), userId);
  const selfSigning = identityOf(ownObject(ownObject(answer, 'self_signing_keys') ?? {}, userId), userId);
  return {
    devices,
    ...(master === undefined ? {} : { master }),
    ...(selfSigning === undefined ? {} : { selfSigning }),
  };
};
