/**
 * `m.secret_storage.v1.aes-hmac-sha2` (spec: Client-Server API, "Secret storage"): how the cross-signing secrets lie
 * in account data, so that any Matrix client that is given the key opens them, and we open what it stored.
 */
import { ctr } from '@noble/ciphers/aes.js';
import * as z from 'zod/mini';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { equalBytes, fromUtf8, utf8 } from '../primitives/bytes.ts';
import { hmacSha256 } from '../primitives/hash.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import type { Random } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { SecretStorageError } from './secret-storage.ts';

export const SECRET_STORAGE_ALGORITHM = 'm.secret_storage.v1.aes-hmac-sha2';

const KEY_BYTES = 32;
const IV_BYTES = 16;
/** What proves a key, without telling anything about it: this many zero bytes, encrypted for the empty name. */
const CHECK_BYTES = 32;

/** The spec's clients pad their base64; ours never is. */
const base64 = (max: number) => z.string().check(z.maxLength(max));
const encryptedSchema = z.object({ iv: base64(64), ciphertext: base64(64 * 1024), mac: base64(64) });
export type EncryptedSecret = z.infer<typeof encryptedSchema>;

const descriptionSchema = z.object({
  algorithm: z.string().check(z.maxLength(255)),
  iv: z.optional(base64(64)),
  mac: z.optional(base64(64)),
});
export type KeyDescription = z.infer<typeof descriptionSchema>;

type Keys = { readonly aes: Secret<'aes'>; readonly mac: Secret<'mac'> };

function withKeys<T>(key: Secret, name: string, use: (keys: Keys) => T): T {
  const salt = new Uint8Array(KEY_BYTES);
  const both = hkdfSha256({ ikm: key.expose(), salt, info: utf8(name), length: 2 * KEY_BYTES });
  using aes = Secret.copy('aes', both.subarray(0, KEY_BYTES));
  using mac = Secret.copy('mac', both.subarray(KEY_BYTES));
  both.fill(0);
  return use({ aes, mac });
}

/** Encrypts a secret's bytes under the name it is stored by. */
function encryptBytes(key: Secret, name: string, plain: Uint8Array, random: Random): EncryptedSecret {
  const iv = random(IV_BYTES);
  // The spec clears this bit: some implementations of the counter stumble over it.
  iv[8] = (iv[8] ?? 0) & 0x7f;
  return withKeys(key, name, ({ aes, mac }) => {
    const ciphertext = ctr(aes.expose(), iv).encrypt(plain);
    const tag = hmacSha256(mac.expose(), ciphertext);
    return { iv: toBase64(iv), ciphertext: toBase64(ciphertext), mac: toBase64(tag) };
  });
}

/** Encrypts the text of a secret, which is what other clients expect to find. */
export const encryptSecret = (key: Secret, name: string, text: string, random: Random): EncryptedSecret =>
  encryptBytes(key, name, utf8(text), random);

/** Text of a stored secret. @throws SecretStorageError MALFORMED, WRONG_KEY */
export function decryptSecret(key: Secret, name: string, stored: unknown): string {
  const parsed = encryptedSchema.safeParse(stored);
  if (!parsed.success) throw new SecretStorageError('MALFORMED');
  const [iv, ciphertext, tag] = [
    decode(parsed.data.iv),
    decode(parsed.data.ciphertext),
    decode(parsed.data.mac),
  ];
  if (iv.length !== IV_BYTES) throw new SecretStorageError('MALFORMED', 'iv');
  return withKeys(key, name, ({ aes, mac }) => {
    if (!equalBytes(hmacSha256(mac.expose(), ciphertext), tag)) throw new SecretStorageError('WRONG_KEY');
    const plain = ctr(aes.expose(), iv).decrypt(ciphertext);
    try {
      return fromUtf8(plain);
    } catch {
      throw new SecretStorageError('MALFORMED', 'not text');
    } finally {
      plain.fill(0);
    }
  });
}

/** Content of `m.secret_storage.key.<id>`. */
export function describeKey(key: Secret, random: Random): KeyDescription {
  const { iv, mac } = encryptBytes(key, '', new Uint8Array(CHECK_BYTES), random);
  return { algorithm: SECRET_STORAGE_ALGORITHM, iv, mac };
}

/**
 * Whether a key is the one described. A description without a check says nothing: the secrets themselves then tell.
 * @throws SecretStorageError MALFORMED, UNSUPPORTED (another algorithm)
 */
export function isDescribedKey(key: Secret, description: unknown): boolean {
  const parsed = descriptionSchema.safeParse(description);
  if (!parsed.success) throw new SecretStorageError('MALFORMED');
  const { algorithm, iv, mac } = parsed.data;
  if (algorithm !== SECRET_STORAGE_ALGORITHM) throw new SecretStorageError('UNSUPPORTED', algorithm);
  if (iv === undefined || mac === undefined) return true;
  const counter = decode(iv);
  const tag = decode(mac);
  if (counter.length !== IV_BYTES) throw new SecretStorageError('MALFORMED', 'iv');
  return withKeys(key, '', (keys) => {
    const zeros = ctr(keys.aes.expose(), counter).encrypt(new Uint8Array(CHECK_BYTES));
    return equalBytes(hmacSha256(keys.mac.expose(), zeros), tag);
  });
}

function decode(text: string): Uint8Array {
  try {
    return fromBase64(text.replace(/={1,2}$/u, ''));
  } catch {
    throw new SecretStorageError('MALFORMED', 'base64');
  }
}
