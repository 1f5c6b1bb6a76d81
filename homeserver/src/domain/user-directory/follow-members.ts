import { ownString } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { ProfileLookup } from '../../ports/profile-lookup.ts';
import type { UserDirectory } from '../../ports/user-directory.ts';
import { isLocalUser } from '../accounts/user-names.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { isOpenRoom } from './open-rooms.ts';

export type FollowMembersDeps = {
  readonly directory: UserDirectory;
  readonly profiles: ProfileLookup;
  readonly rooms: RoomReads;
  readonly serverName: string;
};

/** State by which a room becomes open or closed. */
const OPENING: ReadonlySet<string> = new Set([EventType.JoinRules, EventType.HistoryVisibility]);

/** Keeps the user directory up to date with who joins rooms, and which rooms everybody may look into. */
export class FollowMembers {
  readonly #deps: FollowMembersDeps;

  constructor(deps: FollowMembersDeps) {
    this.#deps = deps;
  }

  async take(events: readonly StoredEvent[]): Promise<void> {
    const open = new Map<RoomId, Promise<boolean>>();
    const isOpen = (room: RoomId): Promise<boolean> => {
      const known = open.get(room) ?? this.#isOpen(room);
      open.set(room, known);
      return known;
    };
    for (const event of events) {
      for (const { user, membership } of event.memberChanges)
        if (membership === 'join') await this.#joined(user, event, await isOpen(event.room));
      const opens = event.pdu.stateKey === '' && OPENING.has(event.pdu.type);
      if (opens && (await isOpen(event.room))) await this.#opened(event.room);
    }
  }

  /** A user of this server is new, or has another name or picture. */
  async profileChanged(user: string): Promise<void> {
    const { displayName, avatarUrl } = await this.#deps.profiles.memberProfile(user as UserId);
    await this.#deps.directory.put({ userId: user, displayName, avatarUrl });
  }

  async #joined(user: string, { pdu }: StoredEvent, inPublic: boolean): Promise<void> {
    const { directory, serverName } = this.#deps;
    if (isLocalUser(user, serverName)) {
      await this.profileChanged(user);
      if (inPublic) await directory.markPublic([user]);
    } else if (pdu.type === EventType.Member && pdu.stateKey === user) {
      const displayName = ownString(pdu.content, 'displayname');
      const avatar = ownString(pdu.content, 'avatar_url');
      const avatarUrl = avatar?.startsWith('mxc://') === true ? avatar : undefined;
      await directory.see({ userId: user, displayName, avatarUrl }, inPublic);
    }
  }

  /** Who is in a room that everybody may look into can be found by everybody. */
  async #opened(room: RoomId): Promise<void> {
    const live = await this.#deps.rooms.find(room);
    const members = [...(live?.head.state.members() ?? [])];
    await this.#deps.directory.markPublic(
      members.flatMap(([user, membership]) => (membership === 'join' ? [user] : [])),
    );
  }

  async #isOpen(room: RoomId): Promise<boolean> {
    const live = await this.#deps.rooms.find(room);
    return live !== undefined && isOpenRoom(this.#deps.rooms, live);
  }
}
