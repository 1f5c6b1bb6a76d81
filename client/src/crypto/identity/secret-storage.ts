/**
 * What of ours lies sealed on the server, with XChaCha20-Poly1305: epoch keys in Matrix's key backup, and the store's
 * mark. The cross-signing secrets lie in Matrix's own secret storage instead (`matrix-secrets.ts`).
 */
import * as z from 'zod/mini';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { utf8 } from '../primitives/bytes.ts';
import { Writer } from '../primitives/codec.ts';
import { CryptoError } from '../primitives/errors.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import { NAMESPACE } from '../primitives/names.ts';
import type { Random } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { XCHACHA_NONCE_BYTES, xchachaOpen, xchachaSeal } from '../primitives/xchacha.ts';
import { canonicalJson } from './canonical-json.ts';

export class SecretStorageError extends CryptoError<
  'MALFORMED' | 'WRONG_KEY' | 'UNSUPPORTED' | 'BAD_RECOVERY_KEY'
> {}

export const BACKUP_ALGORITHM = `${NAMESPACE}.epoch-backup.v1`;

export type StorageKey = Secret<'storage'>;
export type BackupKey = Secret<'backup'>;
type MasterSeed = Secret<'master-seed'>;

/** Key of secret storage. */
export const storageKeyOf = (seed: MasterSeed): StorageKey =>
  Secret.take('storage', hkdfSha256({ ikm: seed.expose(), info: utf8('chat.nyx/ssss/1'), length: 32 }));

/** Key of the epoch backup. */
export const backupKeyOf = (seed: MasterSeed): BackupKey =>
  Secret.take('backup', hkdfSha256({ ikm: seed.expose(), info: utf8('chat.nyx/backup/1'), length: 32 }));

export const sealedSchema = z.object({
  nonce: z.string().check(z.length(32)),
  ciphertext: z.string().check(z.maxLength(4_000_000)),
});
export type Sealed = z.infer<typeof sealedSchema>;

/** Seals bytes for one purpose: what is sealed for another place does not open here. */
export function sealValue(
  key: Secret,
  purpose: readonly string[],
  plain: Uint8Array,
  random: Random,
): Sealed {
  const nonce = random(XCHACHA_NONCE_BYTES);
  const sealed = xchachaSeal({ key: key.expose(), nonce, aad: aadOf(purpose) }, plain);
  return { nonce: toBase64(nonce), ciphertext: toBase64(sealed) };
}

/** @throws SecretStorageError WRONG_KEY, MALFORMED */
export function openValue(key: Secret, purpose: readonly string[], sealed: unknown): Uint8Array {
  const parsed = sealedSchema.safeParse(sealed);
  if (!parsed.success) throw new SecretStorageError('MALFORMED');
  let nonce: Uint8Array;
  let body: Uint8Array;
  try {
    nonce = fromBase64(parsed.data.nonce);
    body = fromBase64(parsed.data.ciphertext);
  } catch {
    throw new SecretStorageError('MALFORMED');
  }
  try {
    return xchachaOpen({ key: key.expose(), nonce, aad: aadOf(purpose) }, body);
  } catch {
    throw new SecretStorageError('WRONG_KEY');
  }
}

const aadOf = (purpose: readonly string[]): Uint8Array =>
  new Writer()
    .text('chat.nyx/sealed/1')
    .list(purpose, (out, part) => out.text(part))
    .finish();

/** Seals a JSON value. */
export const sealJson = (key: Secret, purpose: readonly string[], value: unknown, random: Random): Sealed =>
  sealValue(key, purpose, utf8(canonicalJson(value)), random);
