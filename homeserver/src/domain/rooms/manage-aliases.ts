import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isJsonArray, type JsonObject } from '@nyx/federation/json/value.ts';
import { roomAliasServer, type RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RoomAliases } from '../../ports/room-directory.ts';
import { DomainError } from '../errors.ts';
import type { LocalEvents } from './local-events.ts';
import type { RoomReads } from './room-reads.ts';
import type { RoomViewers } from './room-viewers.ts';

export type ManageAliasesDeps = {
  readonly rooms: RoomReads;
  readonly viewers: RoomViewers;
  readonly aliases: RoomAliases;
  readonly local: LocalEvents;
  readonly clock: Clock;
  readonly server: ServerName;
};

/** Aliases of this server (spec: Client-Server API, room aliases). */
export class ManageAliases {
  readonly #deps: ManageAliasesDeps;

  constructor(deps: ManageAliasesDeps) {
    this.#deps = deps;
  }

  /** Throws `alias_in_use`, `forbidden`, `invalid_param` for an alias of another server. */
  async add(alias: RoomAlias, room: RoomId, user: UserId): Promise<void> {
    const { aliases, rooms, clock, server } = this.#deps;
    if (roomAliasServer(alias) !== server) {
      throw new DomainError('invalid_param', 'The alias belongs to another server');
    }
    await rooms.requireJoined(room, user);
    const added = await aliases.add({ alias, room, creator: user, createdAt: clock.now() });
    if (!added) throw new DomainError('alias_in_use', 'This alias is taken');
  }

  /** Whoever made an alias, or has the power to set the room's main alias, may remove it. */
  async remove(alias: RoomAlias, user: UserId, isAdmin: boolean): Promise<void> {
    const { aliases, rooms } = this.#deps;
    const record = await aliases.find(alias);
    if (record === undefined) throw new DomainError('not_found', 'Unknown alias');
    const live = await rooms.find(record.room);
    let isAllowed = isAdmin || record.creator === user;
    if (!isAllowed && live?.head.state.membership(user) === 'join') {
      const power = await rooms.power(live);
      isAllowed = power.ofUser(user) >= power.toSend(EventType.CanonicalAlias, true);
    }
    if (!isAllowed) throw new DomainError('forbidden', 'You may not remove this alias');
    await aliases.remove(alias);
    await this.#withdraw(alias, record.room, user);
  }

  /** Aliases of a room, for those who may look into it. */
  async list(room: RoomId, user: UserId): Promise<RoomAlias[]> {
    await this.#deps.viewers.view(room, user);
    return (await this.#deps.aliases.ofRoom(room)).map(({ alias }) => alias);
  }

  /** A removed alias should not go on being named as the room's; if the user may change that. */
  async #withdraw(alias: RoomAlias, room: RoomId, user: UserId): Promise<void> {
    const { rooms, local } = this.#deps;
    const live = await rooms.find(room);
    const event = live && (await rooms.stateEvent(live.head.state, EventType.CanonicalAlias, ''));
    if (event === undefined) return;
    const content = withoutAlias(event.pdu.content, alias);
    if (content === undefined) return;
    try {
      await local.append(room, { type: EventType.CanonicalAlias, sender: user, stateKey: '', content });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
    }
  }
}

/** The content without the alias; undefined if it does not name it. */
function withoutAlias(content: JsonObject, alias: RoomAlias): JsonObject | undefined {
  const { alias: main, alt_aliases: others, ...rest } = content;
  const list = isJsonArray(others) ? others : [];
  if (main !== alias && !list.includes(alias)) return undefined;
  return {
    ...rest,
    ...(main === undefined || main === alias ? {} : { alias: main }),
    ...(isJsonArray(others) ? { alt_aliases: list.filter((other) => other !== alias) } : {}),
  };
}
