/**
 * Recovery: puts the cross-signing secrets and every epoch key where the recovery words can fetch them again, and
 * fetches them (e2ee.md section 1). The server sees ciphertext only.
 */
import * as z from 'zod/mini';
import { jsonTable, type Table } from '../../vault/table.ts';
import { trustedDevices } from '../identity/user-record.ts';
import { decryptSecret, isDescribedKey } from '../identity/matrix-secrets.ts';
import {
  BACKUP_ALGORITHM,
  openValue,
  sealJson,
  sealValue,
  SecretStorageError,
} from '../identity/secret-storage.ts';
import { fromUtf8, toHex } from '../primitives/bytes.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { Secret } from '../primitives/secret.ts';
import type { EpochRecord } from '../group/epoch-record.ts';
import { awaitsQuery, markOutdated } from './directory.ts';
import { EngineError } from './engine-error.ts';
import { keyArrived } from './healing.ts';
import { takeShare } from './key-share.ts';
import { deviceName, type Op } from './op.ts';
import { putSecret } from './own-device.ts';
import { adoptMaster, identityStatus, readIdentity, writeIdentity } from './own-identity.ts';
import type { IdentityStatus } from './protocol/identity.ts';
import type { RestoreMemory } from './purpose.ts';
import { backOff, clearBackOff, isBackedOff, isInFlight, request } from './requests.ts';
import { settledRoom } from './settled-room.ts';
import {
  BACKUP_SECRET,
  CHECK,
  CROSS_SIGNING,
  DEFAULT_KEY,
  keyType,
  STORAGE_ID,
  storeBackupKey,
} from './store-secrets.ts';
import { isSignedMember } from '../group/room-record.ts';
import { BACKUP_TODO, EPOCHS, KNOWN_MEMBERS, ROOMS, SECRETS, USERS } from './tables.ts';

/** Epochs in one backup upload. */
const EPOCHS_PER_UPLOAD = 100;

type BackupState = { readonly version: string | undefined };
const BACKUP: Table<BackupState> = jsonTable('backup');
const BACKUP_NAME = 'current';

/** Keeps the epoch backup up to date. Called after every operation. */
export function maintainBackup(op: Op): void {
  const key = op.tx.get(SECRETS, 'backup');
  const { backup, deviceSigned } = readIdentity(op);
  if (key === undefined || !deviceSigned || backup === 'locked' || isBackedOff(op, 'backup')) return;
  if (
    isInFlight(
      op,
      ({ for: what }) => what === 'backupVersion' || what === 'backupCreate' || what === 'backupPut',
    )
  )
    return;
  const { version } = op.tx.get(BACKUP, BACKUP_NAME) ?? { version: undefined };
  if (version === undefined) {
    // Another client's: what we have to keep waits until the user decides.
    if (!op.memory.foreignBackup) findVersion(op);
    return;
  }
  const todo = op.tx
    .entries(BACKUP_TODO)
    .slice(0, EPOCHS_PER_UPLOAD)
    .map(([kid]) => kid);
  if (todo.length === 0) return;
  const rooms: Record<string, { sessions: Record<string, unknown> }> = {};
  for (const kid of todo) {
    const record = op.tx.get(EPOCHS, kid);
    if (record === undefined) continue;
    const room = (rooms[record.epoch.room] ??= { sessions: {} });
    room.sessions[kid] = backupEntry(op, key, record);
  }
  const path = `/_matrix/client/v3/room_keys/keys?version=${encodeURIComponent(version)}`;
  request(op, { kind: 'backup', method: 'PUT', path, body: { rooms } }, { for: 'backupPut', kids: todo });
}

const findVersion = (op: Op): void =>
  request(
    op,
    { kind: 'backupGet', method: 'GET', path: '/_matrix/client/v3/room_keys/version' },
    { for: 'backupVersion' },
  );

function backupEntry(op: Op, key: Secret, record: EpochRecord): Record<string, unknown> {
  const { epoch, signature, g, roster, kid } = record;
  const value = {
    epoch,
    signature,
    g,
    key: toBase64(record.key.expose()),
    roster,
    vouched: vouchedKeys(op, record),
    members: signedMembers(op, epoch.room),
  };
  return {
    first_message_index: g,
    forwarded_count: 0,
    is_verified: true,
    session_data: sealJson(key, ['epoch', epoch.room, kid], value, op.random),
  };
}

/** Members whose signatures hold in our eyes, by the signature of their join. */
function signedMembers(op: Op, roomId: string): Record<string, string> {
  const room = settledRoom(op, roomId);
  if (room === undefined) return {};
  const signed = Object.entries(room.members).filter(([userId]) => isSignedMember(room, userId));
  return Object.fromEntries(signed.map(([userId, { join }]) => [userId, join?.signature ?? '']));
}

/** Device keys we know for who is in the epoch: later devices of ours read with them what removed devices wrote. */
function vouchedKeys(op: Op, { roster, adds, vouched }: EpochRecord): Record<string, string> {
  const keys: Record<string, string> = { ...vouched };
  const users = new Set([...Object.keys(roster ?? {}), ...adds.map(({ user }) => user)]);
  for (const userId of users)
    for (const { deviceId, ed25519 } of trustedDevices(op.tx.get(USERS, userId)))
      keys[deviceName(userId, deviceId)] = ed25519;
  return keys;
}

const versionSchema = z.object({
  algorithm: z.string(),
  version: z.optional(z.string().check(z.maxLength(255))),
  auth_data: z.optional(z.looseObject({ check: z.optional(z.unknown()) })),
});

/**
 * The server's current backup: ours if our key opens its check, else a new one is made. Another client's (Megolm's, say)
 * is left alone: a new version would end that client's backup behind its user's back.
 */
export function receiveBackupVersion(op: Op, response: unknown): void {
  clearBackOff(op, 'backup');
  const parsed = versionSchema.safeParse(response);
  const key = op.tx.get(SECRETS, 'backup');
  if (key === undefined) return;
  const { version, algorithm, auth_data: auth } = parsed.success ? parsed.data : {};
  if (version === undefined) {
    // No answer to act upon, least of all by replacing what may be there.
    backOff(op, 'backup');
    return;
  }
  if (algorithm !== BACKUP_ALGORITHM) {
    op.memory.foreignBackup = true;
    writeIdentity(op, { backup: 'foreign' });
    op.notices.push({ kind: 'identityStatus', status: identityStatus(op) });
    return;
  }
  if (!opens(key, auth?.check)) {
    createBackup(op, key);
    return;
  }
  useVersion(op, version);
}

/** The user gave another client's backup up. */
export function replaceBackup(op: Op): void {
  const key = op.tx.get(SECRETS, 'backup');
  if (key === undefined || readIdentity(op).backup !== 'foreign') return;
  if (!isInFlight(op, (purpose) => purpose.for === 'backupCreate')) createBackup(op, key);
}

/** No backup yet. */
export function backupMissing(op: Op): void {
  const key = op.tx.get(SECRETS, 'backup');
  if (key !== undefined) createBackup(op, key);
}

function createBackup(op: Op, key: Secret): void {
  const body = {
    algorithm: BACKUP_ALGORITHM,
    auth_data: { check: sealValue(key, ['check'], CHECK, op.random) },
  };
  request(
    op,
    { kind: 'backup', method: 'POST', path: '/_matrix/client/v3/room_keys/version', body },
    { for: 'backupCreate' },
  );
}

const createdSchema = z.object({ version: z.string().check(z.maxLength(255)) });

export function receiveBackupCreated(op: Op, response: unknown): void {
  const parsed = createdSchema.safeParse(response);
  if (parsed.success) useVersion(op, parsed.data.version);
  else backOff(op, 'backup');
}

function useVersion(op: Op, version: string): void {
  op.tx.put(BACKUP, BACKUP_NAME, { version });
  writeIdentity(op, { backup: 'active' });
  for (const [kid, record] of op.tx.entries(EPOCHS)) if (!record.backedUp) op.tx.put(BACKUP_TODO, kid, true);
  op.notices.push({ kind: 'identityStatus', status: identityStatus(op) });
}

export function receiveBackupPut(op: Op, kids: readonly string[]): void {
  clearBackOff(op, 'backup');
  for (const kid of kids) {
    op.tx.delete(BACKUP_TODO, kid);
    const record = op.tx.get(EPOCHS, kid);
    if (record !== undefined && !record.backedUp) op.tx.put(EPOCHS, kid, { ...record, backedUp: true });
  }
}

/** The version is gone or was replaced: it is looked up again. */
export function backupPutFailed(op: Op, status: number): void {
  backOff(op, 'backup');
  if (status === 403 || status === 404) op.tx.delete(BACKUP, BACKUP_NAME);
}

const opens = (key: Secret, check: unknown): boolean => {
  try {
    return toHex(openValue(key, ['check'], check)) === toHex(CHECK);
  } catch {
    return false;
  }
};

// --- fetching ---------------------------------------------------------------------------------------------------

/**
 * One step of restoring with the storage and backup keys that are in the vault already. Secrets first, then the epoch
 * keys. @throws EngineError IDENTITY_MISSING when there is nothing to restore, WRONG_WORDS when they do not open it
 */
export function restoreStep(op: Op): 'again' | 'wait' | { readonly status: IdentityStatus } {
  const key = op.tx.get(SECRETS, 'storage');
  if (key === undefined) throw new EngineError('IDENTITY_MISSING');
  const restore = (op.memory.restore ??= { data: new Map(), backup: 'wanted' });
  const types = [DEFAULT_KEY, BACKUP_SECRET, ...CROSS_SIGNING.map((name) => `m.cross_signing.${name}`)];
  const id = defaultKey.safeParse(restore.data.get(DEFAULT_KEY));
  if (id.success) types.push(keyType(id.data.key));
  const missing = types.filter((type) => !restore.data.has(type));
  for (const type of missing) fetchAccountData(op, type);
  if (missing.length > 0) return 'wait';
  if (op.tx.get(SECRETS, 'self_signing') === undefined) {
    takeSecrets(op, key, restore);
    return 'again';
  }
  if (awaitsQuery(op, op.self.userId) || !identityStatus(op).deviceSigned) return 'wait';
  if (restore.backup !== 'done') return restoreBackup(op, restore);
  delete op.memory.restore;
  return { status: identityStatus(op) };
}

function fetchAccountData(op: Op, type: string): void {
  if (isInFlight(op, (p) => p.for === 'accountDataGet' && p.type === type)) return;
  if (isBackedOff(op, `data ${type}`)) return;
  const path = `/_matrix/client/v3/user/${encodeURIComponent(op.self.userId)}/account_data/${encodeURIComponent(type)}`;
  request(op, { kind: 'accountDataGet', method: 'GET', path }, { for: 'accountDataGet', type });
}

export function receiveAccountData(op: Op, type: string, response: unknown): void {
  clearBackOff(op, `data ${type}`);
  op.memory.restore?.data.set(type, response);
}

/** 404 means that there is none. */
export function accountDataFailed(op: Op, type: string, status: number): void {
  if (status === 404) op.memory.restore?.data.set(type, undefined);
  else backOff(op, `data ${type}`);
}

const defaultKey = z.object({ key: z.string().check(z.maxLength(255)) });
const stored = z.object({ encrypted: z.record(z.string(), z.unknown()) });

function takeSecrets(op: Op, key: Secret, { data }: RestoreMemory): void {
  const named = defaultKey.safeParse(data.get(DEFAULT_KEY));
  if (!named.success) return giveUp(op, 'IDENTITY_MISSING');
  const id = named.data.key;
  try {
    if (!isDescribedKey(key, data.get(keyType(id)))) return giveUp(op, 'WRONG_WORDS');
    for (const name of CROSS_SIGNING) {
      const seed = openStored(key, id, `m.cross_signing.${name}`, data);
      if (seed === undefined) return giveUp(op, 'IDENTITY_MISSING');
      putSecret(op.tx, name, seed);
    }
    op.tx.put(STORAGE_ID, 'id', id);
    if (op.tx.get(SECRETS, 'backup') === undefined) takeBackupKey(op, key, id, data);
  } catch (error) {
    if (!(error instanceof SecretStorageError)) throw error;
    return giveUp(op, error.code === 'UNSUPPORTED' ? 'UNSUPPORTED_ALGORITHM' : 'WRONG_WORDS');
  }
  // The secrets are authentic by the words; what the server says about the master key is not. Ours is pinned.
  adoptMaster(op);
  writeIdentity(op, { keysUploaded: true, deviceSigned: false });
  markOutdated(op, op.self.userId);
}

/** A secret of 32 bytes, stored as base64 like all clients do; undefined when there is none under this key. */
function openStored(
  key: Secret,
  id: string,
  type: string,
  data: ReadonlyMap<string, unknown>,
): Secret<'stored'> | undefined {
  const parsed = stored.safeParse(data.get(type));
  const sealed = parsed.success ? parsed.data.encrypted[id] : undefined;
  if (sealed === undefined) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(decryptSecret(key, type, sealed).replace(/=$/u, ''));
  } catch (error) {
    if (error instanceof SecretStorageError) throw error;
    throw new SecretStorageError('MALFORMED', type);
  }
  if (bytes.length !== 32) throw new SecretStorageError('MALFORMED', type);
  return Secret.take('stored', bytes);
}

/** Whoever came with a recovery key gets the backup's key from secret storage, or makes one and leaves it there. */
function takeBackupKey(op: Op, key: Secret, id: string, data: ReadonlyMap<string, unknown>): void {
  const known = openStored(key, id, BACKUP_SECRET, data);
  putSecret(op.tx, 'backup', known ?? Secret.take('backup', op.random(32)));
  if (known === undefined) storeBackupKey(op);
}

function giveUp(op: Op, code: 'IDENTITY_MISSING' | 'WRONG_WORDS' | 'UNSUPPORTED_ALGORITHM'): never {
  delete op.memory.restore;
  throw new EngineError(code);
}

function restoreBackup(op: Op, restore: RestoreMemory): 'again' | 'wait' {
  if (op.memory.foreignBackup) {
    // There are no epochs of ours in it.
    restore.backup = 'done';
    return 'again';
  }
  if (restore.backup === 'wanted') {
    restore.backup = 'asked';
    const { version } = op.tx.get(BACKUP, BACKUP_NAME) ?? {};
    const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
    if (version === undefined) {
      // `maintainBackup` is looking for it.
      restore.backup = 'wanted';
      return 'wait';
    }
    request(
      op,
      { kind: 'backupGet', method: 'GET', path: `/_matrix/client/v3/room_keys/keys${query}` },
      { for: 'backupGet' },
    );
  }
  return 'wait';
}

const backupSchema = z.object({
  rooms: z._default(
    z.record(
      z.string(),
      z.object({ sessions: z.record(z.string(), z.object({ session_data: z.unknown() })) }),
    ),
    {},
  ),
});
const entrySchema = z.looseObject({
  vouched: z._default(z.record(z.string(), z.string().check(z.length(43))), {}),
  members: z._default(z.record(z.string(), z.string().check(z.maxLength(86))), {}),
});

/** Imports every epoch that opens and fits; the others are as good as absent. */
export function receiveBackup(op: Op, response: unknown): void {
  if (op.memory.restore !== undefined) op.memory.restore.backup = 'done';
  const key = op.tx.get(SECRETS, 'backup');
  const parsed = backupSchema.safeParse(response);
  if (key === undefined || !parsed.success) return;
  const all = Object.entries(parsed.data.rooms).flatMap(([roomId, { sessions }]) =>
    Object.entries(sessions).map(([kid, { session_data: data }]) => ({ roomId, kid, data })),
  );
  for (const { roomId, kid, data } of all) importEpoch(op, key, roomId, kid, data);
  op.notices.push({ kind: 'restoreProgress', done: all.length, total: all.length });
  const arrived = Object.keys(parsed.data.rooms).filter((roomId) => op.tx.get(ROOMS, roomId) !== undefined);
  for (const roomId of arrived) op.notices.push({ kind: 'keysArrived', roomId, eventIds: [] });
}

function importEpoch(op: Op, key: Secret, roomId: string, kid: string, data: unknown): void {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(openValue(key, ['epoch', roomId, kid], data)));
  } catch {
    return;
  }
  const entry = entrySchema.safeParse(value);
  const taken = takeShare(op, value, true);
  if (!entry.success || taken?.kid !== kid) return;
  const record = op.tx.get(EPOCHS, kid);
  // Sealed under our own key: an own device checked it before it went there.
  if (record !== undefined) op.tx.put(EPOCHS, kid, { ...record, vouched: entry.data.vouched, proven: true });
  const members = { ...op.tx.get(KNOWN_MEMBERS, roomId), ...entry.data.members };
  op.tx.put(KNOWN_MEMBERS, roomId, members);
  keyArrived(op, roomId, kid);
}
