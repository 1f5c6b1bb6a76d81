import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';

/** The part of a profile that goes into member events. */
export type MemberProfile = {
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
};

/** Profiles of users, for member events. */
export interface ProfileLookup {
  /** Empty for users that are unknown. */
  memberProfile(user: UserId): Promise<MemberProfile>;
}
