import type { Writer } from '../primitives/codec.ts';
import type { Ed25519KeyPair } from '../primitives/ed25519.ts';
import type { X25519KeyPair } from '../primitives/x25519.ts';

/** A device's public identity, out of its `device_keys` after the signature was checked. */
export type PeerDevice = {
  readonly userId: string;
  readonly deviceId: string;
  readonly ed25519: Uint8Array;
  readonly x25519: Uint8Array;
};

/** This device: its identity and the private keys behind it. */
export type LocalDevice = {
  readonly userId: string;
  readonly deviceId: string;
  readonly ed25519: Ed25519KeyPair;
  readonly x25519: X25519KeyPair;
};

/** The public half of this device. */
export const publicDevice = (local: LocalDevice): PeerDevice => ({
  userId: local.userId,
  deviceId: local.deviceId,
  ed25519: local.ed25519.public,
  x25519: local.x25519.public,
});

/** Matrix user ids are at most 255 bytes; device ids are opaque, and bounded alike (appendices, "Identifiers"). */
export const MAX_ID_BYTES = 255;

/** Appends user, device and signing key: how an identity appears in everything that is hashed or encrypted. */
export const writeIdentity = (
  writer: Writer,
  device: Pick<PeerDevice, 'userId' | 'deviceId' | 'ed25519'>,
): Writer => writer.text(device.userId).text(device.deviceId).fixed(device.ed25519);
