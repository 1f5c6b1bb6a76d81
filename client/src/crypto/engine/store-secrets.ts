/** Where the cross-signing secrets lie on the server, and the keys from the recovery words that open them. */
import {
  backupKeyOf,
  sealValue,
  SECRET_STORAGE_ALGORITHM,
  storageKeyOf,
} from '../identity/secret-storage.ts';
import { toHex, utf8 } from '../primitives/bytes.ts';
import { blake2b } from '../primitives/hash.ts';
import type { Secret } from '../primitives/secret.ts';
import type { VaultTransaction } from '../../vault/transaction.ts';
import type { Op } from './op.ts';
import { putSecret } from './own-device.ts';
import { enqueue } from './requests.ts';
import { SECRETS } from './tables.ts';

export const CROSS_SIGNING = ['master', 'self_signing', 'user_signing'] as const;
export const DEFAULT_KEY = 'm.secret_storage.default_key';
export const CHECK = utf8('chat.nyx recovery');

/** Public name of a storage key. */
export const storageKeyId = (key: Secret): string =>
  toHex(blake2b(16, utf8('chat.nyx/ssss-id/1'), key.expose()));

/** Keeps what the words open, not the words: the storage key and the backup key. */
export function putRecoveryKeys(tx: VaultTransaction, seed: Secret<'master-seed'>): void {
  using storage = storageKeyOf(seed);
  using backup = backupKeyOf(seed);
  putSecret(tx, 'storage', storage);
  putSecret(tx, 'backup', backup);
}

/** After wrong words. */
export function dropRecoveryKeys(op: Op): void {
  if (op.tx.get(SECRETS, 'self_signing') !== undefined) return;
  op.tx.delete(SECRETS, 'storage');
  op.tx.delete(SECRETS, 'backup');
}

/** Puts the cross-signing secrets into secret storage. Called once, with the keys' creation. */
export function storeSecrets(op: Op): void {
  const key = op.tx.get(SECRETS, 'storage');
  if (key === undefined) return;
  const id = storageKeyId(key);
  const check = sealValue(key, ['check'], CHECK, op.random);
  putAccountData(op, `m.secret_storage.key.${id}`, { algorithm: SECRET_STORAGE_ALGORITHM, check });
  for (const name of CROSS_SIGNING) {
    const seed = op.tx.get(SECRETS, name);
    if (seed === undefined) continue;
    const type = `m.cross_signing.${name}`;
    putAccountData(op, type, {
      encrypted: { [id]: sealValue(key, ['secret', type], seed.expose(), op.random) },
    });
  }
  // Last: whoever finds a default key finds what it opens.
  putAccountData(op, DEFAULT_KEY, { key: id });
}

function putAccountData(op: Op, type: string, body: unknown): void {
  const path = `/_matrix/client/v3/user/${encodeURIComponent(op.self.userId)}/account_data/${encodeURIComponent(type)}`;
  enqueue(op, { kind: 'accountData', method: 'PUT', path: () => path, body }, { for: 'accountData', type });
}
