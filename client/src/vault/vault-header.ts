/**
 * The readable head of a vault: whose it is and the slots that unwrap its key-encryption key. Each slot is the KEK
 * sealed under a key from the passphrase (Argon2id) or from the master seed, and that again under the device's
 * non-extractable WebCrypto key.
 */
import * as z from 'zod/mini';
import { ARGON2_SALT_BYTES, argon2id, type Argon2Cost } from '../crypto/primitives/argon2id.ts';
import { concat, utf8 } from '../crypto/primitives/bytes.ts';
import { Writer } from '../crypto/primitives/codec.ts';
import { hkdfSha256 } from '../crypto/primitives/hkdf.ts';
import type { Random } from '../crypto/primitives/random.ts';
import { Secret } from '../crypto/primitives/secret.ts';
import { XCHACHA_NONCE_BYTES, xchachaOpen, xchachaSeal } from '../crypto/primitives/xchacha.ts';
import type { DeviceKey } from './device-key.ts';
import { VaultError } from './errors.ts';
import type { KeyEncryptionKey } from './record-seal.ts';
import type { MasterSeed } from './recovery-words.ts';
import type { StoredHeader } from './record-store.ts';

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const headerSchema = z.object({
  format: z.literal(1),
  userId: z.string().check(z.maxLength(255)),
  deviceId: z.string().check(z.maxLength(255)),
  deviceKey: z.unknown(),
  passphrase: z.object({
    salt: bytes,
    passes: z.number().check(z.int(), z.minimum(1), z.maximum(16)),
    memoryKiB: z.number().check(z.int(), z.minimum(8), z.maximum(1_048_576)),
    body: bytes,
  }),
  words: z.object({ body: bytes }),
});
export type VaultHeader = z.infer<typeof headerSchema>;

/** Header out of the store. Throws VAULT_DAMAGED when it is not one. */
export function parseHeader(stored: StoredHeader): VaultHeader {
  const parsed = headerSchema.safeParse(stored);
  if (!parsed.success) throw new VaultError('VAULT_DAMAGED', 'header');
  return parsed.data;
}

type SlotOwner = { readonly userId: string; readonly deviceId: string };

/** Makes the passphrase slot. Argon2id takes `cost`'s time on this thread. */
export async function passphraseSlot(
  kek: KeyEncryptionKey,
  passphrase: string,
  owner: SlotOwner,
  deviceKey: DeviceKey,
  cost: Argon2Cost,
  random: Random,
): Promise<VaultHeader['passphrase']> {
  const salt = random(ARGON2_SALT_BYTES);
  using key = argon2id(utf8(passphrase.normalize('NFKC')), salt, cost);
  const body = await deviceKey.wrap(sealSlot('passphrase', key, kek, owner, random));
  return { salt, ...cost, body };
}

/** Makes the slot that the recovery words open. */
export async function wordsSlot(
  kek: KeyEncryptionKey,
  seed: MasterSeed,
  owner: SlotOwner,
  deviceKey: DeviceKey,
  random: Random,
): Promise<VaultHeader['words']> {
  using key = seedSlotKey(seed);
  return { body: await deviceKey.wrap(sealSlot('words', key, kek, owner, random)) };
}

/** KEK by passphrase. Throws WRONG_PASSPHRASE, also when the slot or the device key was tampered with. */
export async function openPassphraseSlot(
  header: VaultHeader,
  passphrase: string,
  deviceKey: DeviceKey,
): Promise<KeyEncryptionKey> {
  const { salt, passes, memoryKiB, body } = header.passphrase;
  if (salt.length !== ARGON2_SALT_BYTES) throw new VaultError('VAULT_DAMAGED', 'salt');
  try {
    const inner = await deviceKey.unwrap(body);
    using key = argon2id(utf8(passphrase.normalize('NFKC')), salt, { passes, memoryKiB });
    return openSlot('passphrase', key, inner, header);
  } catch {
    throw new VaultError('WRONG_PASSPHRASE');
  }
}

/** KEK by recovery words. Throws WRONG_WORDS. */
export async function openWordsSlot(
  header: VaultHeader,
  seed: MasterSeed,
  deviceKey: DeviceKey,
): Promise<KeyEncryptionKey> {
  try {
    const inner = await deviceKey.unwrap(header.words.body);
    using key = seedSlotKey(seed);
    return openSlot('words', key, inner, header);
  } catch {
    throw new VaultError('WRONG_WORDS');
  }
}

function seedSlotKey(seed: MasterSeed): Secret<'words-key'> {
  const key = hkdfSha256({ ikm: seed.expose(), info: utf8('chat.nyx/vault/words/1'), length: 32 });
  return Secret.take('words-key', key);
}

function sealSlot(
  kind: string,
  key: Secret,
  kek: KeyEncryptionKey,
  owner: SlotOwner,
  random: Random,
): Uint8Array {
  const nonce = random(XCHACHA_NONCE_BYTES);
  const input = { key: key.expose(), nonce, aad: slotAad(kind, owner) };
  return concat(nonce, xchachaSeal(input, kek.expose()));
}

function openSlot(kind: string, key: Secret, inner: Uint8Array, owner: SlotOwner): KeyEncryptionKey {
  const nonce = inner.subarray(0, XCHACHA_NONCE_BYTES);
  const sealed = inner.subarray(XCHACHA_NONCE_BYTES);
  return Secret.take(
    'vault-kek',
    xchachaOpen({ key: key.expose(), nonce, aad: slotAad(kind, owner) }, sealed),
  );
}

const slotAad = (kind: string, owner: SlotOwner): Uint8Array =>
  new Writer().text('chat.nyx/vault/slot/1').text(kind).text(owner.userId).text(owner.deviceId).finish();
