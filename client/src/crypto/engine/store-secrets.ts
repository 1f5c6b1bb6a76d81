/** Where the cross-signing secrets lie on the server, and the keys from the recovery words that open them. */
import { describeKey, encryptSecret } from '../identity/matrix-secrets.ts';
import { backupKeyOf, storageKeyOf } from '../identity/secret-storage.ts';
import { toBase64 } from '../primitives/base64.ts';
import { toHex, utf8 } from '../primitives/bytes.ts';
import { blake2b } from '../primitives/hash.ts';
import { NAMESPACE } from '../primitives/names.ts';
import type { Secret } from '../primitives/secret.ts';
import { jsonTable, type Table } from '../../vault/table.ts';
import type { VaultTransaction } from '../../vault/transaction.ts';
import type { Op } from './op.ts';
import { putSecret } from './own-device.ts';
import { enqueue } from './requests.ts';
import { SECRETS } from './tables.ts';

export const CROSS_SIGNING = ['master', 'self_signing', 'user_signing'] as const;
export const DEFAULT_KEY = 'm.secret_storage.default_key';
export const CHECK = utf8('chat.nyx recovery');

/** Account data that holds the epoch backup's key. */
export const BACKUP_SECRET = `${NAMESPACE}.epoch_backup`;
/** Account data that describes a storage key. */
export const keyType = (id: string): string => `m.secret_storage.key.${id}`;
/** Id of the storage key where another client made it. */
export const STORAGE_ID: Table<string> = jsonTable('storage-id');

/** Public name of a storage key. */
export const storageKeyId = (key: Secret): string =>
  toHex(blake2b(16, utf8('chat.nyx/ssss-id/1'), key.expose()));

/** Keeps the storage key of a recovery key; the backup's key is fetched with it, or made. */
export function putStorageKey(tx: VaultTransaction, storage: Secret<'storage'>): void {
  putSecret(tx, 'storage', storage);
  tx.delete(SECRETS, 'backup');
}

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
  putAccountData(op, keyType(id), describeKey(key, op.random));
  for (const name of CROSS_SIGNING) {
    const seed = op.tx.get(SECRETS, name);
    if (seed === undefined) continue;
    const type = `m.cross_signing.${name}`;
    const text = toBase64(seed.expose());
    putAccountData(op, type, { encrypted: { [id]: encryptSecret(key, type, text, op.random) } });
  }
  storeBackupKey(op);
  // Last: whoever finds a default key finds what it opens.
  putAccountData(op, DEFAULT_KEY, { key: id });
}

/** The backup's key, for whoever comes with the recovery key alone: the words give it by themselves. */
export function storeBackupKey(op: Op): void {
  const [key, backup] = [op.tx.get(SECRETS, 'storage'), op.tx.get(SECRETS, 'backup')];
  const id = op.tx.get(STORAGE_ID, 'id') ?? (key === undefined ? undefined : storageKeyId(key));
  if (key === undefined || backup === undefined || id === undefined) return;
  const text = toBase64(backup.expose());
  putAccountData(op, BACKUP_SECRET, {
    encrypted: { [id]: encryptSecret(key, BACKUP_SECRET, text, op.random) },
  });
}

function putAccountData(op: Op, type: string, body: unknown): void {
  const path = `/_matrix/client/v3/user/${encodeURIComponent(op.self.userId)}/account_data/${encodeURIComponent(type)}`;
  enqueue(op, { kind: 'accountData', method: 'PUT', path: () => path, body }, { for: 'accountData', type });
}
