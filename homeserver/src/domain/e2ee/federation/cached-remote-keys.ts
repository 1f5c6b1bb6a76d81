import type { ClaimedKeyAnswer, QueriedKeys, UserDevices } from '@nyx/federation/http/peer-keys-api.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { UploadedKey } from '../../../ports/device-key-store.ts';
import type { RemoteDeviceList, RemoteDeviceLists } from '../../../ports/remote-device-lists.ts';
import type { ClaimedKeys, ClaimWish, RemoteKeys, RemoteUserKeys } from '../../../ports/remote-keys.ts';
import { DomainError } from '../../errors.ts';
import { deviceSigningKey, isSignedByDevice } from '../check-signed.ts';
import { addClaimed } from '../claimed-keys.ts';
import { mustBeSigned } from '../limits.ts';
import { parseQueriedUser, parseUserDevices } from './parse-remote-keys.ts';

/** Calls of another server's API; answers have been read through their schemas. */
export interface KeyServerApi {
  userDevices(server: string, userId: string, timeoutMs: number): Promise<UserDevices>;
  query(server: string, body: JsonObject, timeoutMs: number): Promise<QueriedKeys>;
  claim(server: string, body: JsonObject, timeoutMs: number): Promise<ClaimedKeyAnswer>;
  /** The claim with lists of algorithms (MSC3983); undefined when the server does not know it. */
  claimBundles(server: string, body: JsonObject, timeoutMs: number): Promise<ClaimedKeyAnswer | undefined>;
}

export type CachedRemoteKeysDeps = {
  readonly api: KeyServerApi;
  readonly lists: RemoteDeviceLists;
  /** Whether a user of ours is in a room with the user: then the user's server tells us of changes. */
  readonly isFollowed: (userId: string) => Promise<boolean>;
};

/** Users whose whole lists are fetched one by one; of more, the keys are asked for and not kept. */
const MAX_FETCHED = 50;

/** Users whose rooms are looked at at once. */
const PARALLEL = 32;

/**
 * Keys of other servers' users. Lists of those who share a room with a user of ours are kept: their servers tell of each
 * change. Everybody else's keys are asked for each time.
 */
export class CachedRemoteKeys implements RemoteKeys {
  readonly #deps: CachedRemoteKeysDeps;
  /** Lists being fetched; several clients ask for the same after a join. */
  readonly #fetching = new Map<string, Promise<RemoteUserKeys | undefined>>();

  constructor(deps: CachedRemoteKeysDeps) {
    this.#deps = deps;
  }

  async query(
    server: string,
    userIds: readonly string[],
    timeoutMs: number,
  ): Promise<ReadonlyMap<string, RemoteUserKeys>> {
    const { lists, isFollowed } = this.#deps;
    const found = new Map<string, RemoteUserKeys>();
    const current = new Set<string>();
    for (let start = 0; start < userIds.length; start += PARALLEL)
      await Promise.all(
        userIds.slice(start, start + PARALLEL).map(async (user) => {
          if (await isFollowed(user)) current.add(user);
        }),
      );
    // Nobody tells of changes of those who share no room any more: what is kept of them may be old.
    for (const list of await lists.ofUsers([...current])) found.set(list.userId, list);
    const unknown = userIds.filter((user) => !found.has(user));
    const followed = unknown.filter((user) => current.has(user)).slice(0, MAX_FETCHED);
    await Promise.all(
      followed.map(async (user) => {
        const list = await this.fetch(server, user, timeoutMs);
        if (list !== undefined) found.set(user, list);
      }),
    );
    const rest = unknown.filter((user) => !found.has(user));
    if (rest.length === 0) return found;
    const body = { device_keys: Object.fromEntries(rest.map((user) => [user, []])) };
    const answer = await this.#deps.api.query(server, body, timeoutMs);
    for (const user of rest) found.set(user, parseQueriedUser(answer, user));
    return found;
  }

  /** Fetches a user's whole list and keeps it. Undefined when the server does not say. */
  fetch(server: string, userId: string, timeoutMs: number): Promise<RemoteUserKeys | undefined> {
    const running = this.#fetching.get(userId);
    if (running !== undefined) return running;
    const fetching = this.#fetch(server, userId, timeoutMs).finally(() => this.#fetching.delete(userId));
    this.#fetching.set(userId, fetching);
    return fetching;
  }

  async claim(
    server: string,
    wish: ClaimWish,
    { timeoutMs, bundleTxnId }: { readonly timeoutMs: number; readonly bundleTxnId?: string },
  ): Promise<ClaimedKeys> {
    const answers = await this.#claim(server, wish, timeoutMs, bundleTxnId);
    const keys = await this.#identities(server, wish, timeoutMs);
    const claimed: ClaimedKeys = new Map();
    for (const answer of answers) {
      for (const [userId, devices] of wish) {
        const byDevice = answer.one_time_keys.get(userId);
        for (const [deviceId, algorithms] of devices) {
          const identity = keys.get(userId)?.devices.get(deviceId);
          const taken = new Set<string>();
          for (const [keyId, key] of byDevice?.get(deviceId) ?? []) {
            const algorithm = keyId.slice(0, keyId.indexOf(':'));
            // Nothing but what was asked for, once, and no prekey that its device did not sign.
            if (!algorithms.includes(algorithm) || taken.has(algorithm)) continue;
            if (!isAcceptable(key, { userId, deviceId }, algorithm, identity)) continue;
            taken.add(algorithm);
            addClaimed(claimed, { userId, deviceId }, keyId, key);
          }
        }
      }
    }
    return claimed;
  }

  /** Keys that signed what was claimed; asked for anew where a device is younger than the list that is known. */
  async #identities(
    server: string,
    wish: ClaimWish,
    timeoutMs: number,
  ): Promise<ReadonlyMap<string, RemoteUserKeys>> {
    const known = await this.query(server, [...wish.keys()], timeoutMs);
    const outdated = [...wish].flatMap(([user, devices]) =>
      [...devices.keys()].every((device) => known.get(user)?.devices.has(device)) ? [] : [user],
    );
    if (outdated.length === 0) return known;
    const body = { device_keys: Object.fromEntries(outdated.map((user) => [user, []])) };
    const answer = await this.#deps.api.query(server, body, timeoutMs);
    return new Map([...known, ...outdated.map((user) => [user, parseQueriedUser(answer, user)] as const)]);
  }

  async #claim(
    server: string,
    wish: ClaimWish,
    timeoutMs: number,
    bundleTxnId: string | undefined,
  ): Promise<readonly ClaimedKeyAnswer[]> {
    const { api } = this.#deps;
    if (bundleTxnId !== undefined) {
      const txn = bundleTxnId === '' ? {} : { txn_id: bundleTxnId };
      const answer = await api.claimBundles(
        server,
        { ...claimBody(wish, (algorithms) => [...algorithms]), ...txn },
        timeoutMs,
      );
      if (answer !== undefined) return [answer];
    }
    // The standard call takes one algorithm per device: one call for the first of each, one for the second.
    const rounds = Math.max(
      ...[...wish.values()].flatMap((devices) => [...devices.values()].map((a) => a.length)),
    );
    const answers: ClaimedKeyAnswer[] = [];
    for (let round = 0; round < rounds; round += 1)
      answers.push(
        await api.claim(
          server,
          claimBody(wish, (algorithms) => algorithms[round]),
          timeoutMs,
        ),
      );
    return answers;
  }

  async #fetch(server: string, userId: string, timeoutMs: number): Promise<RemoteUserKeys | undefined> {
    const parsed = parseUserDevices(await this.#deps.api.userDevices(server, userId, timeoutMs), userId);
    if (parsed === undefined) throw new DomainError('bad_gateway', 'The other server told no devices');
    const list: RemoteDeviceList = { userId, ...parsed };
    // Between the question and the answer the user may have left all our rooms: then nobody tells us of changes.
    if (await this.#deps.isFollowed(userId)) await this.#deps.lists.put(list);
    return list;
  }
}

const isAcceptable = (
  key: UploadedKey,
  device: { readonly userId: string; readonly deviceId: string },
  algorithm: string,
  identity: JsonObject | undefined,
): boolean => {
  if (typeof key === 'string') return !mustBeSigned(algorithm);
  if (typeof key.key !== 'string') return false;
  if (!mustBeSigned(algorithm)) return true;
  const signingKey = identity && deviceSigningKey(identity, device.deviceId);
  return signingKey !== undefined && isSignedByDevice(key, device, signingKey);
};

const claimBody = (
  wish: ClaimWish,
  pick: (algorithms: readonly string[]) => string | string[] | undefined,
): { readonly one_time_keys: JsonObject } => ({
  one_time_keys: Object.fromEntries(
    [...wish].map(([user, devices]) => [
      user,
      Object.fromEntries(
        [...devices].flatMap(([device, algorithms]) => {
          const picked = pick(algorithms);
          return picked === undefined ? [] : [[device, picked]];
        }),
      ),
    ]),
  ),
});
