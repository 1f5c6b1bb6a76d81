import { isRoomAlias, roomAliasServer, type RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { RemoteRooms } from '../../ports/remote-rooms.ts';
import type { RoomAliases } from '../../ports/room-directory.ts';
import { DomainError } from '../errors.ts';
import type { RoomReads } from './room-reads.ts';

export type FoundRoom = { readonly room: RoomId; readonly servers: readonly ServerName[] };

/** Servers named for a room, at most. */
const MAX_SERVERS = 50;

/** Finds rooms by id or alias (spec: Client-Server API, room aliases). */
export class FindRoom {
  readonly #rooms: RoomReads;
  readonly #aliases: RoomAliases;
  readonly #remote: RemoteRooms;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, aliases: RoomAliases, remote: RemoteRooms, server: ServerName) {
    this.#rooms = rooms;
    this.#aliases = aliases;
    this.#remote = remote;
    this.#server = server;
  }

  /** Throws `invalid_param` for what is neither id nor alias, `not_found` for an unknown alias. */
  async find(idOrAlias: string): Promise<FoundRoom> {
    if (isRoomId(idOrAlias)) return { room: idOrAlias, servers: [] };
    if (!isRoomAlias(idOrAlias)) throw new DomainError('invalid_param', 'Neither a room id nor an alias');
    return this.resolve(idOrAlias);
  }

  /** The room of an alias, and servers that are in it. Throws `not_found`. */
  async resolve(alias: RoomAlias): Promise<FoundRoom> {
    if (roomAliasServer(alias) !== this.#server) {
      const found = await this.#remote.resolveAlias(alias);
      if (found === undefined) throw new DomainError('not_found', 'Unknown alias');
      return found;
    }
    const record = await this.#aliases.find(alias);
    const live = record === undefined ? undefined : await this.#rooms.find(record.room);
    if (record === undefined || live === undefined) throw new DomainError('not_found', 'Unknown alias');
    const servers = [...live.tally.servers.keys()].filter(isServerName);
    const others = servers.filter((server) => server !== this.#server).slice(0, MAX_SERVERS);
    return { room: record.room, servers: [this.#server, ...others] };
  }
}
