import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';

/** What users have said about whom they want to hear from. */
export interface InvitePolicy {
  /** Whether `user`, of this server, takes invites from `sender` (spec: Client-Server API, invite permissions). */
  allows(user: UserId, sender: UserId): Promise<boolean>;
}
