/** What is known about a user's identity and devices: plain immutable data, one record per user. */
import type { Trust } from '../engine/protocol/identity.ts';
import { GROUP_ALGORITHM, PAIRWISE_ALGORITHM } from '../primitives/names.ts';

export type DeviceRecord = {
  readonly deviceId: string;
  /** Unpadded base64. */
  readonly ed25519: string;
  readonly curve25519: string;
  readonly algorithms: readonly string[];
  readonly displayName: string | undefined;
  /** The self-signing key's signature that was found valid, so that it need not be verified again. */
  readonly crossSignature: string | undefined;
};

export type UserRecord = {
  readonly userId: string;
  /** Shares an encrypted room with us, or is us: changes are followed. */
  readonly tracked: boolean;
  /** Number of the change that still has to be fetched; 0 when up to date. */
  readonly outdated: number;
  /** Master key pinned on first use. */
  readonly pinned: string | undefined;
  /** The user compared the pinned key by emoji or QR code, or our user-signing key signed it. */
  readonly verified: boolean;
  /** Another master key that the server shows now. */
  readonly offered: string | undefined;
  readonly selfSigning: string | undefined;
  readonly userSigning: string | undefined;
  readonly devices: Readonly<Record<string, DeviceRecord>>;
  /** Ed25519 keys of devices that were trusted once, to read what they wrote: key -> device id. */
  readonly past: Readonly<Record<string, string>>;
};

/** Devices accepted per user; a server that lists more gets the rest ignored. */
export const MAX_DEVICES_PER_USER = 256;
/** Former device keys remembered per user. */
export const MAX_PAST_DEVICES = 1_024;

export const emptyUser = (userId: string): UserRecord => ({
  userId,
  tracked: false,
  outdated: 0,
  pinned: undefined,
  verified: false,
  offered: undefined,
  selfSigning: undefined,
  userSigning: undefined,
  devices: {},
  past: {},
});

export function trustOf(user: UserRecord | undefined): Trust {
  if (user?.pinned === undefined) return 'unknown';
  if (user.offered !== undefined) return 'changed';
  return user.verified ? 'verified' : 'pinned';
}

export const isCapable = (device: DeviceRecord): boolean =>
  device.algorithms.includes(PAIRWISE_ALGORITHM) && device.algorithms.includes(GROUP_ALGORITHM);

/** Keys go only to devices cross-signed under the pinned master key, and to nobody whose master key changed. */
export function isTrustedDevice(user: UserRecord | undefined, device: DeviceRecord | undefined): boolean {
  if (user?.pinned === undefined || user.offered !== undefined) return false;
  return device?.crossSignature !== undefined;
}

/** Devices of a user that get keys. */
export const trustedDevices = (user: UserRecord | undefined): DeviceRecord[] =>
  user === undefined
    ? []
    : Object.values(user.devices).filter((device) => isTrustedDevice(user, device) && isCapable(device));
