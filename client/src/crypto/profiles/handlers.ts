/** The operations of `engine/protocol/profiles.ts` that are one synchronous step. */
import type { Op } from '../engine/op.ts';
import { EngineError } from '../engine/engine-error.ts';
import { track } from '../engine/directory.ts';
import { STORAGE_ID, storageKeyId } from '../engine/store-secrets.ts';
import { SECRETS, USERS } from '../engine/tables.ts';
import { decryptSecret, encryptSecret } from '../identity/matrix-secrets.ts';
import { SecretStorageError } from '../identity/secret-storage.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { ed25519FromSeed } from '../primitives/ed25519.ts';
import { Secret } from '../primitives/secret.ts';
import {
  fieldSchema,
  openProfile,
  PROFILE_FIELD,
  sealProfile,
  type Avatar,
  type ProfileKey,
} from './blob.ts';
import { discoveryHandlers } from './discovery.ts';
import { ProfileError } from './errors.ts';
import { addContact, contacts } from './hand-out.ts';
import { inviteHandlers } from './invites.ts';
import { ownMark, putKey, renewKey } from './own-key.ts';
import type { OpenedProfile, ProfileResults, profileArgs } from '../engine/protocol/profiles.ts';
import { ALL_TABLES, CONTACTS, KEY_MARKS, PROFILE_KEYS, PROFILES, UPLOADS } from './tables.ts';
import type * as z from 'zod/mini';

/** Those that take long and touch the vault for a moment only: `avatars.ts`. */
export type AvatarOp = 'profileSealAvatar' | 'profileOpenAvatar';
type Name = Exclude<keyof ProfileResults, AvatarOp>;
type Args<N extends Name> = z.output<(typeof profileArgs)[N]>;

export const profileHandlers: { readonly [N in Name]: (op: Op, args: Args<N>) => ProfileResults[N] } = {
  profileStatus: (op) => ({
    version: op.tx.get(KEY_MARKS, op.self.userId)?.version,
    contacts: contacts(op).map(([userId]) => userId),
  }),
  profileSeal: (op, { name, bio, avatar }) => {
    const seed = op.tx.get(SECRETS, 'self_signing');
    if (seed === undefined) throw new EngineError('IDENTITY_MISSING');
    const mark = ownMark(op);
    using key = requireKey(op, op.self.userId);
    using signer = ed25519FromSeed(seed.expose()).secret;
    const last = op.tx.get(PROFILES, op.self.userId);
    const time = Math.max(op.now, (last?.time ?? 0) + 1);
    const picture = avatar === undefined ? undefined : pictureOf(op, avatar.handle, avatar.url);
    const profile = { name, bio, avatar: picture, time };
    const field = refusing(() => sealProfile(op.self.userId, key, profile, signer, op.random));
    op.tx.put(PROFILES, op.self.userId, { ...profile, version: mark.version });
    return { field };
  },
  profileOpen: (op, { userId, field }) => open(op, userId, field),
  profileShare: (op, { userIds }) => {
    for (const userId of userIds) addContact(op, userId);
    return { version: ownMark(op).version };
  },
  profileRotate: (op, { without }) => {
    for (const userId of without) op.tx.delete(CONTACTS, userId);
    return { version: renewKey(op).version };
  },
  profileBackup: (op) => {
    const storage = op.tx.get(SECRETS, 'storage');
    const mark = op.tx.get(KEY_MARKS, op.self.userId);
    if (storage === undefined || mark === undefined) return { stored: undefined };
    using key = requireKey(op, op.self.userId);
    const text = `${toBase64(key.expose())}.${mark.time}`;
    const id = op.tx.get(STORAGE_ID, 'id') ?? storageKeyId(storage);
    return { stored: { encrypted: { [id]: encryptSecret(storage, BACKUP_NAME, text, op.random) } } };
  },
  profileRestore: (op, { stored }) => {
    restore(op, stored);
    return { version: op.tx.get(KEY_MARKS, op.self.userId)?.version };
  },
  profileForget: (op) => {
    for (const table of ALL_TABLES) for (const [name] of op.tx.entries(table)) op.tx.delete(table, name);
    return {};
  },
  ...inviteHandlers,
  ...discoveryHandlers,
};

/** What the backup is encrypted for; also its type in account data. */
const BACKUP_NAME = `${PROFILE_FIELD}_key`;

/** A copy, the caller's to wipe: what this transaction wrote is the very object that it will store. */
function requireKey(op: Op, userId: string): ProfileKey {
  const key = op.tx.get(PROFILE_KEYS, userId);
  if (key === undefined) throw new EngineError('INTERNAL', 'no profile key');
  return Secret.copy('profile-key', key.expose());
}

/** The picture that a handle stands for: a new one, or the one that is part of the profile already. */
function pictureOf(op: Op, handle: string, url: string): Avatar {
  const upload = op.tx.get(UPLOADS, handle);
  if (upload !== undefined) {
    for (const [name] of op.tx.entries(UPLOADS)) op.tx.delete(UPLOADS, name);
    const { mimetype, file } = upload;
    return { url, mimetype, file };
  }
  const known = op.tx.get(PROFILES, op.self.userId)?.avatar;
  if (known?.url !== url || handle !== known.url) throw new EngineError('BAD_ATTACHMENT', 'unknown handle');
  return known;
}

function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ProfileError)
      throw new EngineError(error.code === 'TOO_LARGE' ? 'VALUE_TOO_LARGE' : 'BAD_ATTACHMENT', error.code);
    throw error;
  }
}

function open(op: Op, userId: string, value: unknown): OpenedProfile {
  const field = fieldSchema.safeParse(value);
  if (!field.success) return { state: 'refused', code: 'MALFORMED' };
  const { version } = field.data;
  if (op.tx.get(KEY_MARKS, userId)?.version !== version) {
    op.tx.delete(PROFILES, userId);
    return { state: 'locked', version };
  }
  const owner = op.tx.get(USERS, userId);
  if (owner?.offered !== undefined) return { state: 'refused', code: 'IDENTITY_CHANGED' };
  if (owner?.selfSigning === undefined) {
    track(op, userId);
    return { state: 'waiting' };
  }
  using key = requireKey(op, userId);
  try {
    const profile = openProfile(userId, key, field.data, fromBase64(owner.selfSigning));
    const known = op.tx.get(PROFILES, userId);
    if (known?.version === version && known.time > profile.time) return { state: 'refused', code: 'OLD' };
    if (known?.time !== profile.time || known.version !== version)
      op.tx.put(PROFILES, userId, { ...profile, version });
    const { name, bio, avatar } = profile;
    if (avatar === undefined) return { state: 'open', version, name, bio };
    const { url, mimetype, file } = avatar;
    return { state: 'open', version, name, bio, avatar: { url, mimetype, size: file.size } };
  } catch (error) {
    if (error instanceof ProfileError) return { state: 'refused', code: error.code };
    throw error;
  }
}

/** Another device of ours left the key in account data. What does not open is as good as absent. */
function restore(op: Op, stored: unknown): void {
  const storage = op.tx.get(SECRETS, 'storage');
  if (storage === undefined) return;
  const id = op.tx.get(STORAGE_ID, 'id') ?? storageKeyId(storage);
  const sealed = (stored as { readonly encrypted?: Readonly<Record<string, unknown>> } | null)?.encrypted?.[
    id
  ];
  try {
    const [key = '', time = ''] = decryptSecret(storage, BACKUP_NAME, sealed).split('.');
    const bytes = fromBase64(key);
    if (bytes.length !== 32 || !/^\d{1,15}$/u.test(time)) return;
    if (putKey(op, op.self.userId, Secret.take('profile-key', bytes), Number(time)))
      op.notices.push({ kind: 'profileKey', userId: op.self.userId });
  } catch (error) {
    if (!(error instanceof SecretStorageError)) throw error;
  }
}
