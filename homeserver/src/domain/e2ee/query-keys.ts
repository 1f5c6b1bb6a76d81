import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { CrossSigningKeys, CrossSigningStore, KeySignature } from '../../ports/cross-signing-store.ts';
import type { DeviceKeyStore } from '../../ports/device-key-store.ts';
import type { RemoteKeys } from '../../ports/remote-keys.ts';
import { publicKeyOf } from './cross-signing.ts';
import { splitByServer } from './split-by-server.ts';
import { withSignatures } from './with-signatures.ts';

/** Display names of local devices, by user and device. */
export interface DeviceNames {
  namesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
}

export type QueryDeps = {
  readonly devices: DeviceKeyStore;
  readonly crossSigning: CrossSigningStore;
  readonly names: DeviceNames;
  readonly remote: RemoteKeys;
  readonly serverName: string;
};

/** Everything public about the keys of users, as the answer of POST /keys/query has it. */
export type QueriedKeys = {
  readonly devices: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;
  readonly crossSigning: ReadonlyMap<string, CrossSigningKeys>;
  readonly failures: readonly string[];
};

const signedBy = (
  signatures: readonly KeySignature[],
  targetUser: string,
  target: string,
): readonly KeySignature[] =>
  signatures.filter((signature) => signature.targetUser === targetUser && signature.target === target);

const withDisplayName = (keys: JsonObject, name: string | undefined): JsonObject =>
  name === undefined ? keys : { ...keys, unsigned: { device_display_name: name } };

/**
 * Keys of local users as `viewer` may see them: a user sees the own user-signing key and the signatures that it made
 * on others (spec: Client-Server API, Cross-signing). Without a viewer, what anybody may see.
 */
export const queryLocalKeys = async (
  { devices, crossSigning, names }: Omit<QueryDeps, 'remote' | 'serverName'>,
  viewer: string | undefined,
  wanted: ReadonlyMap<string, readonly string[]>,
): Promise<Omit<QueriedKeys, 'failures'>> => {
  const users = [...wanted.keys()];
  const [rows, keysOf, signatures, displayNames] = await Promise.all([
    devices.ofUsers(users),
    crossSigning.ofUsers(users),
    crossSigning.signatures(users, viewer),
    names.namesOf(users),
  ]);
  const byUser = new Map<string, Map<string, JsonObject>>(users.map((user) => [user, new Map()]));
  for (const { userId, deviceId, keys } of rows) {
    const only = wanted.get(userId) ?? [];
    if (only.length > 0 && !only.includes(deviceId)) continue;
    const signed = withSignatures(keys, signedBy(signatures, userId, deviceId));
    byUser.get(userId)?.set(deviceId, withDisplayName(signed, displayNames.get(userId)?.get(deviceId)));
  }
  const identities = new Map<string, CrossSigningKeys>();
  for (const [userId, { master, self_signing, user_signing }] of keysOf) {
    identities.set(userId, {
      ...(master === undefined
        ? {}
        : { master: withSignatures(master, signedBy(signatures, userId, publicKeyOf(master))) }),
      ...(self_signing === undefined ? {} : { self_signing }),
      ...(user_signing === undefined || userId !== viewer ? {} : { user_signing }),
    });
  }
  return { devices: byUser, crossSigning: identities };
};

/** Keys of users here and elsewhere (spec: Client-Server API, POST /keys/query). */
export const queryKeys = async (
  deps: QueryDeps,
  viewer: string,
  wanted: ReadonlyMap<string, readonly string[]>,
  timeoutMs: number,
): Promise<QueriedKeys> => {
  const devices = new Map<string, ReadonlyMap<string, JsonObject>>();
  const crossSigning = new Map<string, CrossSigningKeys>();
  const failures: string[] = [];
  const queryRemote = async (server: string, part: ReadonlyMap<string, readonly string[]>): Promise<void> => {
    const users = [...part.keys()];
    try {
      const [answer, signatures] = await Promise.all([
        deps.remote.query(server, users, timeoutMs),
        // What the viewer signed of remote users is known here alone.
        deps.crossSigning.signatures(users, viewer),
      ]);
      for (const [userId, keys] of answer) {
        const only = part.get(userId) ?? [];
        const kept = [...keys.devices].filter(([deviceId]) => only.length === 0 || only.includes(deviceId));
        devices.set(userId, new Map(kept));
        crossSigning.set(userId, {
          ...(keys.master === undefined
            ? {}
            : {
                master: withSignatures(keys.master, signedBy(signatures, userId, publicKeyOf(keys.master))),
              }),
          ...(keys.selfSigning === undefined ? {} : { self_signing: keys.selfSigning }),
        });
      }
    } catch {
      failures.push(server);
    }
  };
  await Promise.all(
    [...splitByServer(wanted)].map(async ([server, part]) => {
      if (server !== deps.serverName) return queryRemote(server, part);
      const local = await queryLocalKeys(deps, viewer, part);
      for (const [user, byDevice] of local.devices) devices.set(user, byDevice);
      for (const [user, keys] of local.crossSigning) crossSigning.set(user, keys);
    }),
  );
  return { devices, crossSigning, failures };
};
