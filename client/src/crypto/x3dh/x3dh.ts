import { concat } from '../primitives/bytes.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import type { KemSharedSecret } from '../primitives/ml-kem.ts';
import { Secret, wipeAll } from '../primitives/secret.ts';
import type { ChainKey } from '../primitives/kdf-chain.ts';
import { x25519, type SharedSecret, type X25519Secret } from '../primitives/x25519.ts';

/**
 * X3DH (Signal, "The X3DH Key Agreement Protocol", section 3) with a KEM's secret appended, as PQXDH does
 * (section 3.3). Only the key agreement: the labels come from the caller, who binds the transcript into `info`.
 */

/** Domain separation from Ed25519-style encodings of the same curve: 32 bytes of 0xFF (X3DH, section 2.2). */
const PREFIX = new Uint8Array(32).fill(0xff);
const SALT = new Uint8Array(32);

export const SESSION_ID_BYTES = 16;

export type RootKey = Secret<'root-key'>;

/** What both sides derive. */
export type Handshake = {
  readonly root: RootKey;
  readonly chain: ChainKey;
  /** Public: names the session on the wire. */
  readonly sid: Uint8Array;
  /** Never sent: equal on both sides, for binding other protocols (linking a device) to this session. */
  readonly confirm: Secret<'confirm'>;
};

export type InitiatorKeys = {
  readonly identity: X25519Secret;
  readonly ephemeral: X25519Secret;
  readonly peerIdentity: Uint8Array;
  readonly peerSignedPrekey: Uint8Array;
  readonly peerOneTimePrekey: Uint8Array | undefined;
};

export type ResponderKeys = {
  readonly identity: X25519Secret;
  readonly signedPrekey: X25519Secret;
  readonly oneTimePrekey: X25519Secret | undefined;
  readonly peerIdentity: Uint8Array;
  readonly peerEphemeral: Uint8Array;
};

const derive = (
  agreements: readonly SharedSecret[],
  kem: KemSharedSecret | undefined,
  info: Uint8Array,
): Handshake => {
  const parts = agreements.map((secret) => secret.expose());
  const ikm = concat(PREFIX, ...parts, ...(kem === undefined ? [] : [kem.expose()]));
  const okm = hkdfSha256({ ikm, salt: SALT, info, length: 96 });
  ikm.fill(0);
  wipeAll(agreements);
  const handshake: Handshake = {
    root: Secret.copy('root-key', okm.subarray(0, 32)),
    chain: Secret.copy('chain-key', okm.subarray(32, 64)),
    sid: okm.slice(64, 64 + SESSION_ID_BYTES),
    confirm: Secret.copy('confirm', okm.subarray(80, 96)),
  };
  okm.fill(0);
  return handshake;
};

/** Runs the agreements in order; a low-order point among them wipes what is there and throws LOW_ORDER_POINT. */
const agree = (pairs: readonly (readonly [X25519Secret, Uint8Array])[]): SharedSecret[] => {
  const made: SharedSecret[] = [];
  try {
    for (const [secret, point] of pairs) made.push(x25519(secret, point));
    return made;
  } catch (error) {
    wipeAll(made);
    throw error;
  }
};

/** The initiator's half: DH(IK_A,SPK_B), DH(EK_A,IK_B), DH(EK_A,SPK_B) and, with a one-time prekey, DH(EK_A,OPK_B). */
export const x3dhInitiate = (
  keys: InitiatorKeys,
  kem: KemSharedSecret | undefined,
  info: Uint8Array,
): Handshake => {
  const pairs: (readonly [X25519Secret, Uint8Array])[] = [
    [keys.identity, keys.peerSignedPrekey],
    [keys.ephemeral, keys.peerIdentity],
    [keys.ephemeral, keys.peerSignedPrekey],
  ];
  if (keys.peerOneTimePrekey !== undefined) pairs.push([keys.ephemeral, keys.peerOneTimePrekey]);
  return derive(agree(pairs), kem, info);
};

/** The responder's half: the same agreements from the other side. */
export const x3dhRespond = (
  keys: ResponderKeys,
  kem: KemSharedSecret | undefined,
  info: Uint8Array,
): Handshake => {
  const pairs: (readonly [X25519Secret, Uint8Array])[] = [
    [keys.signedPrekey, keys.peerIdentity],
    [keys.identity, keys.peerEphemeral],
    [keys.signedPrekey, keys.peerEphemeral],
  ];
  if (keys.oneTimePrekey !== undefined) pairs.push([keys.oneTimePrekey, keys.peerEphemeral]);
  return derive(agree(pairs), kem, info);
};
