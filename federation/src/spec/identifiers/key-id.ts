import { IdentifierError, type Branded } from './brand.ts';

/** `algorithm:name`, as in `ed25519:auto` or `curve25519:DEVICEID` (spec: Appendices, Signing Details). */
export type KeyId = Branded<'KeyId'>;

/** Longest key id taken from outside. The spec gives no limit; identifiers elsewhere end at 255 bytes. */
const MAX_KEY_ID_LENGTH = 255;
const SERVER_KEY_VERSION = /^[A-Za-z0-9_]+$/;

/** Whether `value` is an algorithm, a colon and a name. Names in the wild use more than the grammar's letters, so any will do. */
export function isKeyId(value: unknown): value is KeyId {
  if (typeof value !== 'string' || value.length > MAX_KEY_ID_LENGTH) return false;
  const colon = value.indexOf(':');
  return colon > 0 && colon < value.length - 1;
}

/** Parses a key id; throws {@link IdentifierError}. */
export function parseKeyId(value: unknown): KeyId {
  if (isKeyId(value)) return value;
  throw new IdentifierError('key_id');
}

/** Builds `ed25519:version` for a signing key of ours; the version must keep the strict grammar. */
export function makeServerKeyId(version: string): KeyId {
  const id = `ed25519:${version}`;
  if (!SERVER_KEY_VERSION.test(version) || !isKeyId(id)) throw new IdentifierError('key_id');
  return id;
}

/** The part before the first colon: `ed25519`, `curve25519`, `signed_curve25519`. */
export function keyAlgorithm(id: KeyId): string {
  return id.slice(0, id.indexOf(':'));
}

/** The part after the first colon. */
export function keyName(id: KeyId): string {
  return id.slice(id.indexOf(':') + 1);
}
