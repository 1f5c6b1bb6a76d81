import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';

/** What users have said about whom they want to hear from. */
export interface InvitePolicy {
  /**
   * Whether `user`, of this server, takes invites from `sender` (spec: Client-Server API, invite permissions). `room` is
   * undefined while it is being made. Throws `forbidden` when a plugin refuses.
   */
  allows(user: UserId, sender: UserId, room: RoomId | undefined): Promise<boolean>;
}
