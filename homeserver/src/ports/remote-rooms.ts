import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';

export type RemoteMembershipRequest = {
  readonly room: RoomId;
  readonly user: UserId;
  /** Servers that may know the room, best first. */
  readonly via: readonly ServerName[];
  /** Content of the member event, apart from what the other server adds. */
  readonly content: JsonObject;
};

/** What takes another server's help. Every method throws a DomainError when no server could or would help. */
export interface RemoteRooms {
  join(request: RemoteMembershipRequest): Promise<void>;
  knock(request: RemoteMembershipRequest): Promise<EventId>;
  /** Leaves, or rejects an invite to, a room that this server is not in. */
  leave(request: RemoteMembershipRequest): Promise<void>;
  /** Has the invited user's server sign an invite; answers the event with its signature. */
  invite(event: Pdu, rules: RoomVersionRules, strippedState: readonly JsonObject[]): Promise<JsonObject>;
  resolveAlias(
    alias: RoomAlias,
  ): Promise<{ readonly room: RoomId; readonly servers: readonly ServerName[] } | undefined>;
}
