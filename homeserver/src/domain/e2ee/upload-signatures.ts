import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isJsonObject, ownObject, withoutKeys } from '@nyx/federation/json/value.ts';
import { VerifyKey } from '@nyx/federation/signing/keys.ts';
import { verifyJson } from '@nyx/federation/signing/verify-json.ts';
import type { CrossSigningKeys, KeySignature } from '../../ports/cross-signing-store.ts';
import { DomainError } from '../errors.ts';
import { deviceSigningKey, isSignedByDevice } from './check-signed.ts';
import type { CrossSigningDeps } from './cross-signing.ts';
import { publicKeyOf } from './cross-signing.ts';

/** Why one signature was not taken, by user and key, as the answer's `failures`. */
export type SignatureFailures = Map<
  string,
  Map<string, { readonly errcode: string; readonly error: string }>
>;

/** Signed objects by user and by device id or master key, as POST /keys/signatures/upload has them. */
export type SignedObjects = ReadonlyMap<string, ReadonlyMap<string, unknown>>;

/** Most signed objects in one request. */
const MAX_SIGNED_OBJECTS = 1_000;

type Judge = (object: JsonObject, target: string) => KeySignature[];

const signaturesBy = (
  object: JsonObject,
  signer: string,
  targetUser: string,
  target: string,
): KeySignature[] =>
  Object.entries(ownObject(ownObject(object, 'signatures') ?? {}, signer) ?? {}).flatMap(
    ([keyId, signature]) =>
      typeof signature === 'string' ? [{ signer, targetUser, target, keyId, signature }] : [],
  );

class RefusedSignature extends Error {
  override readonly name = 'RefusedSignature';
  readonly errcode: string;

  constructor(errcode: string, message: string) {
    super(message);
    this.errcode = errcode;
  }
}

const verifiedBy = (
  object: JsonObject,
  userId: string,
  key: JsonObject | undefined,
  found: readonly KeySignature[],
): KeySignature[] => {
  const text = key === undefined ? '' : publicKeyOf(key);
  const verifyKey = VerifyKey.fromBase64(text);
  const mine = found.filter(({ keyId }) => keyId === `ed25519:${text}`);
  const check = verifyJson(object, userId, (keyId) => (keyId === `ed25519:${text}` ? verifyKey : undefined));
  if (!check.ok || mine.length === 0)
    throw new RefusedSignature('M_INVALID_SIGNATURE', 'The signature does not fit the key');
  return mine;
};

const sameObject = (left: JsonObject, right: JsonObject): boolean => {
  const strip = (object: JsonObject): string =>
    JSON.stringify(
      Object.entries(withoutKeys(object, new Set(['signatures', 'unsigned']))).toSorted(([a], [b]) =>
        a < b ? -1 : 1,
      ),
    );
  return strip(left) === strip(right);
};

/** Judges signatures on the signer's own devices (by the self-signing key) and master key (by a device). */
const judgeOwn =
  (userId: string, keys: CrossSigningKeys, devices: ReadonlyMap<string, JsonObject>): Judge =>
  (object, target) => {
    const found = signaturesBy(object, userId, userId, target);
    const device = devices.get(target);
    if (device !== undefined) {
      if (!sameObject(object, device))
        throw new RefusedSignature('M_INVALID_SIGNATURE', 'These are not the keys of that device');
      return verifiedBy(object, userId, keys.self_signing, found);
    }
    if (keys.master === undefined || publicKeyOf(keys.master) !== target)
      throw new RefusedSignature('M_NOT_FOUND', 'There is no such device or master key');
    if (!sameObject(object, keys.master))
      throw new RefusedSignature('M_INVALID_SIGNATURE', 'This is not the master key');
    const byDevice = found.filter(({ keyId }) => {
      const deviceId = keyId.slice('ed25519:'.length);
      const deviceKeys = devices.get(deviceId);
      const key = deviceKeys && deviceSigningKey(deviceKeys, deviceId);
      return key !== undefined && isSignedByDevice(object, { userId, deviceId }, key);
    });
    if (byDevice.length === 0)
      throw new RefusedSignature('M_INVALID_SIGNATURE', 'No device of yours made this signature');
    return byDevice;
  };

/** Judges signatures on somebody else's master key, by the signer's user-signing key. */
const judgeOther =
  (signer: string, owner: string, keys: CrossSigningKeys, master: JsonObject | undefined): Judge =>
  (object, target) => {
    if (master === undefined || publicKeyOf(master) !== target)
      throw new RefusedSignature('M_NOT_FOUND', 'There is no such master key');
    if (!sameObject(object, master))
      throw new RefusedSignature('M_INVALID_SIGNATURE', 'This is not the master key of that user');
    return verifiedBy(object, signer, keys.user_signing, signaturesBy(object, signer, owner, target));
  };

/** Looks up master keys of users, wherever they live. */
export type MasterKeys = (userIds: readonly string[]) => Promise<ReadonlyMap<string, JsonObject>>;

/**
 * Takes signatures that a user made on the own devices and master key, and on others' master keys (spec: Client-Server
 * API, POST /keys/signatures/upload). Each is judged by itself; what was wrong is answered, the rest is stored.
 */
export const uploadSignatures = async (
  deps: CrossSigningDeps & { readonly masterKeys: MasterKeys },
  userId: string,
  objects: SignedObjects,
): Promise<SignatureFailures> => {
  const count = [...objects.values()].reduce((sum, byKey) => sum + byKey.size, 0);
  if (count > MAX_SIGNED_OBJECTS)
    throw new DomainError('invalid_param', `At most ${MAX_SIGNED_OBJECTS} signatures at once`);
  const others = [...objects.keys()].filter((user) => user !== userId);
  const [own, devices, masters] = await Promise.all([
    deps.crossSigning.ofUsers([userId]),
    deps.devices.ofUsers([userId]),
    others.length === 0 ? new Map<string, JsonObject>() : deps.masterKeys(others),
  ]);
  const keys = own.get(userId) ?? {};
  const deviceMap = new Map(devices.map(({ deviceId, keys: deviceKeys }) => [deviceId, deviceKeys]));
  const failures: SignatureFailures = new Map();
  const accepted: KeySignature[] = [];
  for (const [owner, byKey] of objects) {
    const judge =
      owner === userId
        ? judgeOwn(userId, keys, deviceMap)
        : judgeOther(userId, owner, keys, masters.get(owner));
    for (const [target, object] of byKey) {
      try {
        if (!isJsonObject(object)) throw new RefusedSignature('M_BAD_JSON', 'Not a signed object');
        accepted.push(...judge(object, target));
      } catch (error) {
        if (!(error instanceof RefusedSignature)) throw error;
        const ofOwner = failures.get(owner) ?? new Map<string, { errcode: string; error: string }>();
        failures.set(owner, ofOwner);
        ofOwner.set(target, { errcode: error.errcode, error: error.message });
      }
    }
  }
  await deps.crossSigning.addSignatures(accepted);
  // Others see the signatures on the own keys; what was signed of others is for the signer alone.
  const signedUsers = new Set(accepted.map(({ targetUser }) => targetUser));
  if (signedUsers.delete(userId)) {
    const own = accepted.filter(({ targetUser }) => targetUser === userId);
    const deviceIds = own.flatMap(({ target }) => (deviceMap.has(target) ? [target] : []));
    await deps.changes.recordOwn(userId, { deviceIds, identity: deviceIds.length < own.length });
  }
  await deps.changes.record([...signedUsers], userId);
  return failures;
};
