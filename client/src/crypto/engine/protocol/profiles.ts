/** Operations about profiles: part of the message protocol of the engine (`protocol.ts`). */
import * as z from 'zod/mini';
import { userIdSchema } from '../events.ts';
import { AVATAR_TYPES, MAX_BIO, MAX_NAME, type ProfileField } from '../../profiles/blob.ts';

const handle = z.string().check(z.minLength(1), z.maxLength(64));
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const element = z.string().check(z.length(43));
const url = z.string().check(z.maxLength(512));

/** Most users of one `profileShare` or `profileRotate`, rows of one `discoveryOpen`. */
export const MAX_PROFILE_USERS = 1_000;
const users = z.array(userIdSchema).check(z.maxLength(MAX_PROFILE_USERS));
const rows = z
  .array(z.object({ id: z.string().check(z.length(32)), card: z.string().check(z.length(736)) }))
  .check(z.maxLength(MAX_PROFILE_USERS));

export const profileArgs = {
  /** Our key's version, and who gets it. */
  profileStatus: z.object({}),
  /** Our profile as the field that is published. A picture: `profileSealAvatar` gave the handle, the server the url. */
  profileSeal: z.object({
    name: z.string().check(z.maxLength(MAX_NAME)),
    bio: z.string().check(z.maxLength(MAX_BIO)),
    avatar: z.optional(z.object({ handle, url })),
  }),
  /** Reads the field of a user. */
  profileOpen: z.object({ userId: userIdSchema, field: z.unknown() }),
  /** These become contacts: their devices get our key, now and after each change. */
  profileShare: z.object({ userIds: users }),
  /** A new key for everybody but these. The profile has to be sealed and published again, the picture too. */
  profileRotate: z.object({ without: users }),
  /** Our key for our own account data, under the key of secret storage; undefined where that key is not at hand. */
  profileBackup: z.object({}),
  profileRestore: z.object({ stored: z.unknown() }),
  /** Forgets every key, contact and profile. */
  profileForget: z.object({}),
  /** Encrypts a picture of ours for everybody who gets our profile. */
  profileSealAvatar: z.object({ data: bytes, mimetype: z.enum(AVATAR_TYPES as [string, ...string[]]) }),
  /** Decrypts the picture of a profile that `profileOpen` opened. */
  profileOpenAvatar: z.object({ userId: userIdSchema, url, data: bytes }),
  /** Content of our QR code: good for ten minutes and one scan. */
  profileShowCode: z.object({}),
  profileScanCode: z.object({ payload: bytes }),
  /** Begins a blinded look-up of an exact user id. */
  discoveryBlind: z.object({ userId: userIdSchema }),
  /** Takes the server's answer in: the name of the row to fetch. */
  discoveryFinish: z.object({ handle, evaluated: element }),
  /** Our own row, after `discoveryFinish` of our own id. */
  discoverySeal: z.object({ handle }),
  /** Finds the row among those that were fetched, and ends the look-up. */
  discoveryOpen: z.object({ handle, rows }),
} as const;

export type OpenedProfile =
  | {
      readonly state: 'open';
      readonly version: string;
      readonly name: string;
      readonly bio: string;
      readonly avatar?: { readonly url: string; readonly mimetype: string; readonly size: number };
    }
  /** We have no key of this version: a stranger, or somebody who blocked us. */
  | { readonly state: 'locked'; readonly version: string }
  /** The owner's identity is being fetched. */
  | { readonly state: 'waiting' }
  | { readonly state: 'refused'; readonly code: string };

/** Whether the code's master key is the one we knew (`known`), the first we hear of (`pinned`), or another one. */
export type ScannedPerson = {
  readonly userId: string;
  readonly state: 'known' | 'pinned' | 'mismatch';
};

export type ProfileResults = {
  profileStatus: { readonly version: string | undefined; readonly contacts: readonly string[] };
  profileSeal: { readonly field: ProfileField };
  profileOpen: OpenedProfile;
  profileShare: { readonly version: string };
  profileRotate: { readonly version: string };
  profileBackup: { readonly stored: unknown };
  profileRestore: { readonly version: string | undefined };
  profileForget: Record<string, never>;
  profileSealAvatar: { readonly data: Uint8Array; readonly handle: string };
  profileOpenAvatar: { readonly data: Uint8Array; readonly mimetype: string };
  profileShowCode: { readonly payload: Uint8Array };
  profileScanCode: ScannedPerson;
  discoveryBlind: { readonly handle: string; readonly element: string };
  discoveryFinish: { readonly id: string };
  discoverySeal: { readonly card: string };
  discoveryOpen: { readonly found: ScannedPerson | undefined };
};

export type ProfileNotice =
  /** A user's key came or changed: open the profile again. Our own: another device of ours made it. */
  | { readonly kind: 'profileKey'; readonly userId: string }
  /** This user scanned our code and is a contact now. */
  | { readonly kind: 'profileInvite'; readonly userId: string };
