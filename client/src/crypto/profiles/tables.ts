/** What the vault keeps of profiles. Names are part of the stored format. */
import { jsonTable, type Table } from '../../vault/table.ts';
import { CodecError } from '../primitives/errors.ts';
import { Secret } from '../primitives/secret.ts';
import { PROFILE_KEY_BYTES, type Avatar, type Profile, type ProfileKey } from './blob.ts';

/** Profile keys by user, our own under our own id. */
export const PROFILE_KEYS: Table<ProfileKey> = {
  name: 'profile-keys',
  encode: (key) => key.expose().slice(),
  decode: (bytes) => {
    if (bytes.length !== PROFILE_KEY_BYTES) throw new CodecError('BAD_VALUE', 'profile key');
    return Secret.copy('profile-key', bytes);
  },
  cached: false,
};

/** Which key that is, and when its owner made it (owner's clock, ms). An older one never replaces a newer. */
export type KeyMark = { readonly version: string; readonly time: number };
export const KEY_MARKS: Table<KeyMark> = jsonTable('profile-marks');

/** The newest profile that opened, by user. */
export type KnownProfile = Profile & { readonly version: string };
export const PROFILES: Table<KnownProfile> = jsonTable('profiles');

/** Who gets our key, and which devices (`device|curve25519`) have which version. */
export type Contact = { readonly sent: Readonly<Record<string, string>> };
export const CONTACTS: Table<Contact> = jsonTable('profile-contacts');

/** Pictures sealed and not yet part of a profile, by handle. */
export type Upload = Omit<Avatar, 'url'> & { readonly at: number };
export const UPLOADS: Table<Upload> = jsonTable('profile-uploads');

/** Hashes of the invites in codes that we showed, and until when (ms) each is good. */
export const INVITES: Table<number> = jsonTable('profile-invites');

/** Invites that we scanned and have yet to hand in: by user. */
export type Ask = { readonly invite: string; readonly until: number; readonly sent: readonly string[] };
export const ASKS: Table<Ask> = jsonTable('profile-asks');

/** Everything there is, so that it can be forgotten. */
export const ALL_TABLES: readonly Table<unknown>[] = [
  PROFILE_KEYS,
  KEY_MARKS,
  PROFILES,
  CONTACTS,
  UPLOADS,
  INVITES,
  ASKS,
].map((table) => table as unknown as Table<unknown>);
