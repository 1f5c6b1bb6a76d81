/**
 * Reads the answer of `/keys/query` (spec: Client-Server API, end-to-end encryption, key management). Nothing in it is
 * believed without a signature: a device signs itself, the self-signing key signs the device, the master key signs
 * the self-signing key, and the master key is the one pinned before.
 */
import * as z from 'zod/mini';
import { verifyJson } from './signed-json.ts';
import {
  emptyUser,
  MAX_DEVICES_PER_USER,
  MAX_PAST_DEVICES,
  type DeviceRecord,
  type UserRecord,
} from './user-record.ts';

const signatures = z.record(z.string(), z.record(z.string(), z.string()));
const key43 = z.string().check(z.length(43));

const crossSigningKey = z.looseObject({
  user_id: z.string(),
  usage: z.array(z.string()),
  keys: z.record(z.string(), key43),
  signatures: z.optional(signatures),
});
type CrossSigningKey = z.infer<typeof crossSigningKey>;

const deviceKeys = z.looseObject({
  user_id: z.string(),
  device_id: z.string(),
  algorithms: z.array(z.string().check(z.maxLength(255))).check(z.maxLength(64)),
  keys: z.record(z.string(), z.string().check(z.maxLength(255))),
  signatures,
  unsigned: z.optional(
    z.looseObject({ device_display_name: z.optional(z.string().check(z.maxLength(255))) }),
  ),
});
type DeviceKeys = z.infer<typeof deviceKeys>;

const byUser = z.record(z.string(), z.unknown());
export const keyQuerySchema = z.object({
  failures: z._default(byUser, {}),
  device_keys: z._default(z.record(z.string(), byUser), {}),
  master_keys: z._default(byUser, {}),
  self_signing_keys: z._default(byUser, {}),
  user_signing_keys: z._default(byUser, {}),
});
export type KeyQueryResponse = z.infer<typeof keyQuerySchema>;

/** What one answer changed about one user. */
export type UserDiff = {
  readonly user: UserRecord;
  readonly trustChanged: boolean;
  /** Devices that may get keys now and could not before. */
  readonly added: readonly DeviceRecord[];
  /** Devices that had keys and may get none any more: gone, re-keyed or no longer signed. */
  readonly removed: readonly DeviceRecord[];
};

/** Our own view that an answer is judged by. */
export type Self = { readonly userId: string; readonly userSigning: string | undefined };

/** The user's record after this answer. */
export function applyKeyQuery(
  before: UserRecord | undefined,
  userId: string,
  response: KeyQueryResponse,
  self: Self,
): UserDiff {
  const old = before ?? emptyUser(userId);
  const master = crossKey(response.master_keys[userId], userId, 'master');
  const pinned = old.pinned ?? master?.key;
  const offered = master !== undefined && master.key !== pinned ? master.key : undefined;
  const selfSigning = signedBy(response.self_signing_keys[userId], userId, 'self_signing', pinned);
  const userSigning = signedBy(response.user_signing_keys[userId], userId, 'user_signing', pinned);
  const devices = readDevices(old, response.device_keys[userId] ?? {}, selfSigning);
  const verified = offered === undefined && (old.verified || vouchedFor(master, self));
  const removed = Object.values(old.devices).filter(
    (device) => device.crossSignature !== undefined && !sameDevice(device, devices[device.deviceId]),
  );
  const added = Object.values(devices).filter(
    (device) => device.crossSignature !== undefined && !sameDevice(device, old.devices[device.deviceId]),
  );
  const user: UserRecord = {
    ...old,
    pinned,
    verified,
    offered,
    selfSigning,
    userSigning,
    devices,
    past: remember(old, removed),
  };
  const trustChanged = old.pinned !== pinned || old.offered !== offered || old.verified !== verified;
  return { user, trustChanged, added, removed };
}

function readDevices(
  old: UserRecord,
  listed: Readonly<Record<string, unknown>>,
  selfSigning: string | undefined,
): Record<string, DeviceRecord> {
  const devices: Record<string, DeviceRecord> = {};
  for (const [deviceId, raw] of Object.entries(listed).slice(0, MAX_DEVICES_PER_USER)) {
    const parsed = deviceKeys.safeParse(raw);
    if (!parsed.success) continue;
    const device = readDevice(old, deviceId, parsed.data, selfSigning);
    if (device !== undefined) devices[deviceId] = device;
  }
  return devices;
}

function readDevice(
  old: UserRecord,
  deviceId: string,
  raw: DeviceKeys,
  selfSigning: string | undefined,
): DeviceRecord | undefined {
  if (raw.user_id !== old.userId || raw.device_id !== deviceId) return undefined;
  const ed25519 = raw.keys[`ed25519:${deviceId}`];
  const curve25519 = raw.keys[`curve25519:${deviceId}`];
  if (ed25519?.length !== 43 || curve25519?.length !== 43) return undefined;
  const signature =
    selfSigning === undefined ? undefined : raw.signatures[old.userId]?.[`ed25519:${selfSigning}`];
  const next = { deviceId, ed25519, curve25519, algorithms: raw.algorithms, displayName: undefined };
  const known = old.devices[deviceId];
  const displayName = raw.unsigned?.device_display_name;
  // The same keys under the same signature by the same key were verified before.
  const again = signature !== undefined && old.selfSigning === selfSigning;
  if (
    again &&
    known?.crossSignature === signature &&
    sameDevice(known, { ...next, crossSignature: signature })
  )
    return { ...known, displayName };
  if (!verifyJson(raw, old.userId, `ed25519:${deviceId}`, ed25519)) return undefined;
  const signed =
    selfSigning !== undefined && verifyJson(raw, old.userId, `ed25519:${selfSigning}`, selfSigning);
  return { ...next, displayName, crossSignature: signed ? signature : undefined };
}

/** Same keys and algorithms, and as trusted as before. */
function sameDevice(a: DeviceRecord, b: DeviceRecord | undefined): boolean {
  if (b === undefined) return false;
  return (
    a.ed25519 === b.ed25519 &&
    a.curve25519 === b.curve25519 &&
    a.algorithms.join() === b.algorithms.join() &&
    (a.crossSignature === undefined) === (b.crossSignature === undefined)
  );
}

type ReadKey = { readonly key: string; readonly raw: CrossSigningKey };

function crossKey(raw: unknown, userId: string, usage: string): ReadKey | undefined {
  const parsed = crossSigningKey.safeParse(raw);
  if (!parsed.success || parsed.data.user_id !== userId || !parsed.data.usage.includes(usage))
    return undefined;
  const [entry, ...more] = Object.entries(parsed.data.keys);
  if (entry === undefined || more.length > 0) return undefined;
  const [id, key] = entry;
  return id === `ed25519:${key}` ? { key, raw: parsed.data } : undefined;
}

function signedBy(
  raw: unknown,
  userId: string,
  usage: string,
  master: string | undefined,
): string | undefined {
  const found = crossKey(raw, userId, usage);
  if (found === undefined || master === undefined) return undefined;
  return verifyJson(found.raw, userId, `ed25519:${master}`, master) ? found.key : undefined;
}

/** Whether our own user-signing key signed this master key: another device of ours verified the user. */
function vouchedFor(master: ReadKey | undefined, self: Self): boolean {
  if (master === undefined || self.userSigning === undefined) return false;
  return verifyJson(master.raw, self.userId, `ed25519:${self.userSigning}`, self.userSigning);
}

function remember(old: UserRecord, removed: readonly DeviceRecord[]): Readonly<Record<string, string>> {
  if (removed.length === 0) return old.past;
  const past = { ...old.past };
  for (const device of removed) past[device.ed25519] = device.deviceId;
  return Object.fromEntries(Object.entries(past).slice(-MAX_PAST_DEVICES));
}
