import type { Profile } from './accounts.ts';

/** Profiles of users of other servers. */
export interface RemoteProfiles {
  /** The profile, or one field of it. Throws `not_found`, `bad_gateway` or `gateway_timeout`. */
  query(userId: string, field?: string): Promise<Profile>;
}
