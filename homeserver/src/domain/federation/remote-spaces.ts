import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { roomSummarySchema } from '@nyx/federation/spec/schemas/hierarchy.ts';
import { LRUCache } from 'lru-cache';
import type { z } from 'zod';
import type { RemoteSpace, RemoteSpaces } from '../../ports/remote-spaces.ts';
import type { RoomSummary } from '../rooms/room-summary.ts';

/** Spaces remembered, and for how long: the spec asks for answers to be cached for a period. */
const MAX_SPACES = 500;
const KEEP_MS = 300_000;
/** How long it is remembered that nobody told of a room. */
const FORGET_FAILURE_MS = 60_000;
/** Servers asked for one room. */
const MAX_SERVERS_ASKED = 3;

/** Asks other servers what they tell of their rooms (spec: Server-Server API, Spaces). */
export class FederatedSpaces implements RemoteSpaces {
  readonly #peers: PeerApi;
  readonly #server: ServerName;
  readonly #now: () => number;
  readonly #known = new LRUCache<
    string,
    { readonly until: number; readonly space: Promise<RemoteSpace | undefined> }
  >({ max: MAX_SPACES });

  constructor(peers: PeerApi, server: ServerName, now: () => number) {
    this.#peers = peers;
    this.#server = server;
    this.#now = now;
  }

  async look(
    room: RoomId,
    via: readonly ServerName[],
    suggestedOnly: boolean,
  ): Promise<RemoteSpace | undefined> {
    const key = `${room} ${suggestedOnly}`;
    const known = this.#known.get(key);
    if (known !== undefined && known.until > this.#now()) return known.space;
    const space = this.#ask(room, via, suggestedOnly);
    this.#known.set(key, { until: this.#now() + KEEP_MS, space });
    if ((await space) === undefined) this.#known.set(key, { until: this.#now() + FORGET_FAILURE_MS, space });
    return space;
  }

  async #ask(
    room: RoomId,
    via: readonly ServerName[],
    suggestedOnly: boolean,
  ): Promise<RemoteSpace | undefined> {
    const servers = [...new Set(via)].filter((server) => server !== this.#server);
    for (const server of servers.slice(0, MAX_SERVERS_ASKED)) {
      try {
        const answer = await this.#peers.hierarchy(server, room, suggestedOnly);
        if (answer.room.room_id !== room) continue;
        const children = new Map<RoomId, RoomSummary>();
        for (const child of answer.children) {
          const read = roomSummarySchema.safeParse(child);
          if (read.success) children.set(read.data.room_id, summaryOf(read.data));
        }
        return {
          summary: summaryOf(answer.room),
          childEvents: answer.room.children_state,
          children,
          inaccessible: new Set(answer.inaccessible_children),
        };
      } catch {
        // The next server may tell more.
      }
    }
    return undefined;
  }
}

const summaryOf = (told: z.output<typeof roomSummarySchema>): RoomSummary => ({
  room: told.room_id,
  name: told.name,
  topic: told.topic,
  canonicalAlias: told.canonical_alias,
  avatarUrl: told.avatar_url,
  joinedMembers: told.num_joined_members,
  worldReadable: told.world_readable,
  guestCanJoin: told.guest_can_join,
  joinRule: told.join_rule,
  allowedRooms: told.allowed_room_ids ?? [],
  roomType: told.room_type ?? undefined,
  encryption: told.encryption ?? undefined,
  version: told.room_version,
});
