/**
 * A secret storage key as Matrix clients show it to people (spec: Client-Server API, "Recovery key"): base58 of
 * `8B 01 | key 32 | parity`, in groups of four.
 */
import { SecretStorageError } from './secret-storage.ts';
import { Secret } from '../primitives/secret.ts';

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const PREFIX = [0x8b, 0x01] as const;
const KEY_BYTES = 32;
const BYTES = PREFIX.length + KEY_BYTES + 1;
/** Longest text looked at: 48 letters, and as much white space as anybody may type. */
const MAX_TEXT = 256;

const parityOf = (bytes: Uint8Array): number => bytes.reduce((parity, byte) => parity ^ byte, 0);

/** Text of a 32-byte storage key. It is the key: show it, never log it. */
export function encodeRecoveryKey(key: Secret): string {
  const bytes = new Uint8Array(BYTES);
  bytes.set(PREFIX);
  bytes.set(key.expose(), PREFIX.length);
  bytes[BYTES - 1] = parityOf(bytes);
  // No zero byte stands in front, so there are no leading ones.
  let value = bytes.reduce((number, byte) => number * 256n + BigInt(byte), 0n);
  bytes.fill(0);
  let text = '';
  for (; value > 0n; value /= 58n) text = (ALPHABET[Number(value % 58n)] ?? '') + text;
  return text.replace(/.{4}(?=.)/gu, '$& ');
}

/** Key of what a person typed; white space does not matter. @throws SecretStorageError BAD_RECOVERY_KEY */
export function decodeRecoveryKey(text: string): Secret<'storage'> {
  const letters = text.length > MAX_TEXT ? '' : text.replace(/\s+/gu, '');
  let value = 0n;
  for (const letter of letters) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) throw new SecretStorageError('BAD_RECOVERY_KEY', 'letter');
    value = value * 58n + BigInt(digit);
  }
  const bytes = new Uint8Array(BYTES);
  for (let i = BYTES - 1; i >= 0; i--, value /= 256n) bytes[i] = Number(value % 256n);
  const fits = value === 0n && PREFIX.every((byte, i) => bytes[i] === byte) && parityOf(bytes) === 0;
  if (!fits) throw new SecretStorageError('BAD_RECOVERY_KEY');
  const key = Secret.copy('storage', bytes.subarray(PREFIX.length, PREFIX.length + KEY_BYTES));
  bytes.fill(0);
  return key;
}
