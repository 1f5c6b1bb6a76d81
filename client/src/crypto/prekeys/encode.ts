import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { utf8 } from '../primitives/bytes.ts';
import { Reader, Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { ed25519Sign, ed25519Verify } from '../primitives/ed25519.ts';
import { ML_KEM_PUBLIC_BYTES } from '../primitives/ml-kem.ts';
import { X25519_BYTES } from '../primitives/x25519.ts';
import type { LocalDevice, PeerDevice } from '../pairwise/device.ts';
import { PrekeyError } from './errors.ts';

const VERSION = 1;

/** A key object of `/keys/upload` and `/keys/claim`: the payload, and the device's signature over it. */
export type SignedKeyObject = {
  readonly key: string;
  readonly signatures: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly fallback?: true;
};

export type OneTimePayload = { readonly id: number; readonly x25519: Uint8Array };
export type SignedPayload = {
  readonly id: number;
  readonly createdDay: number;
  readonly x25519: Uint8Array;
  readonly kem: Uint8Array;
};

/** `01 | id u32 | X25519 32` (e2ee.md, section 1). */
export const encodeOneTime = ({ id, x25519 }: OneTimePayload): Uint8Array =>
  new Writer(64).u8(VERSION).u32(id).fixed(x25519).finish();

/** `01 | spk_id u32 | created day u32 | X25519 32 | ML-KEM 1184` (e2ee.md, section 1). */
export const encodeSigned = ({ id, createdDay, x25519, kem }: SignedPayload): Uint8Array =>
  new Writer(1280).u8(VERSION).u32(id).u32(createdDay).fixed(x25519).fixed(kem).finish();

const decode = <T>(payload: Uint8Array, read: (reader: Reader) => T): T => {
  try {
    const reader = new Reader(payload);
    if (reader.u8() !== VERSION) throw new PrekeyError('MALFORMED_PREKEY', 'version');
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof PrekeyError || !isCryptoError(error)) throw error;
    throw new PrekeyError('MALFORMED_PREKEY', error.code);
  }
};

const readId = (reader: Reader): number => {
  const id = reader.u32();
  // 0 stands for "none" in frames.
  if (id === 0) throw new PrekeyError('MALFORMED_PREKEY', 'id 0');
  return id;
};

export const decodeOneTime = (payload: Uint8Array): OneTimePayload =>
  decode(payload, (reader) => ({ id: readId(reader), x25519: reader.fixed(X25519_BYTES) }));

export const decodeSigned = (payload: Uint8Array): SignedPayload =>
  decode(payload, (reader) => ({
    id: readId(reader),
    createdDay: reader.u32(),
    x25519: reader.fixed(X25519_BYTES),
    kem: reader.fixed(ML_KEM_PUBLIC_BYTES),
  }));

/** Canonical JSON of a key object without its signatures; base64 needs no escapes. */
const signedBytes = (key: string, fallback: boolean): Uint8Array =>
  utf8(fallback ? `{"fallback":true,"key":"${key}"}` : `{"key":"${key}"}`);

/** Signs a payload as this device ("Signing JSON", Matrix appendices). */
export const signKeyObject = (
  local: LocalDevice,
  payload: Uint8Array,
  fallback: boolean,
): SignedKeyObject => {
  const key = toBase64(payload);
  const signature = toBase64(ed25519Sign(local.ed25519.secret, signedBytes(key, fallback)));
  const signatures = { [local.userId]: { [`ed25519:${local.deviceId}`]: signature } };
  return fallback ? { key, signatures, fallback: true } : { key, signatures };
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const ownField = (value: unknown, name: string): unknown =>
  isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;

/** Fields that a key object may have: an unknown one would be outside of what we check the signature over. */
const KNOWN_FIELDS = new Set(['key', 'signatures', 'fallback', 'unsigned']);

/** Longer than any payload of ours in base64: bounds the work on what a server sends. */
const MAX_KEY_CHARACTERS = 2048;

/** The payload of a key object, after checking that `device` signed it. */
export const openKeyObject = (device: PeerDevice, object: unknown): Uint8Array => {
  if (!isRecord(object) || Object.keys(object).some((name) => !KNOWN_FIELDS.has(name)))
    throw new PrekeyError('MALFORMED_PREKEY', 'fields');
  const { key, fallback } = object;
  if (
    typeof key !== 'string' ||
    key.length > MAX_KEY_CHARACTERS ||
    !(fallback === undefined || fallback === true)
  )
    throw new PrekeyError('MALFORMED_PREKEY', 'key');
  const byUser = ownField(object.signatures, device.userId);
  const signature = ownField(byUser, `ed25519:${device.deviceId}`);
  if (typeof signature !== 'string' || signature.length > 128) throw new PrekeyError('BAD_PREKEY_SIGNATURE');
  let payload: Uint8Array;
  let signatureBytes: Uint8Array;
  try {
    payload = fromBase64(key);
    signatureBytes = fromBase64(signature);
  } catch {
    throw new PrekeyError('MALFORMED_PREKEY', 'base64');
  }
  if (!ed25519Verify(device.ed25519, signedBytes(key, fallback === true), signatureBytes))
    throw new PrekeyError('BAD_PREKEY_SIGNATURE');
  return payload;
};
