import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { summarise, type RoomSummary } from '../rooms/room-summary.ts';
import { childEvents, childrenIn } from '../rooms/space-children.ts';
import type { RoomAccess } from './room-access.ts';

/** A space as another server is told of it: one level, all children that the server could show its users. */
export type ServedHierarchy = {
  readonly room: RoomSummary;
  readonly childEvents: readonly JsonObject[];
  readonly children: readonly RoomSummary[];
  readonly inaccessible: readonly RoomId[];
};

/** Children whose summaries are told at once. */
const MAX_CHILDREN_TOLD = 100;
const SPACE = 'm.space';
const OPEN_RULES: ReadonlySet<string> = new Set(['public', 'knock', 'knock_restricted']);

/** Tells other servers of our spaces (spec: Server-Server API, GET hierarchy). */
export class ServeHierarchy {
  readonly #rooms: RoomReads;
  readonly #access: RoomAccess;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, access: RoomAccess, server: ServerName) {
    this.#rooms = rooms;
    this.#access = access;
    this.#server = server;
  }

  /** Throws `not_found` for a room that we are not in, or that the other server has no way into. */
  async tell(origin: ServerName, room: RoomId, suggestedOnly: boolean): Promise<ServedHierarchy> {
    const live = await this.#ours(room);
    const summary = live && (await this.#accessible(live, origin));
    if (live === undefined || summary === undefined) {
      throw new DomainError('not_found', 'No such room that your server may know of');
    }
    const named =
      summary.roomType === SPACE ? childrenIn(await childEvents(this.#rooms, live), suggestedOnly) : [];
    const children: RoomSummary[] = [];
    const inaccessible: RoomId[] = [];
    for (const child of named.slice(0, MAX_CHILDREN_TOLD)) {
      // Of what we are not in we know nothing: the other server asks those named in `via`.
      const below = await this.#ours(child.room);
      if (below === undefined) continue;
      const told = await this.#accessible(below, origin);
      if (told === undefined) inaccessible.push(child.room);
      else children.push(told);
    }
    return { room: summary, childEvents: named.map(({ event }) => event), children, inaccessible };
  }

  async #ours(room: RoomId): Promise<LiveRoom | undefined> {
    const live = await this.#rooms.find(room);
    return live?.tally.servers.has(this.#server) === true ? live : undefined;
  }

  /** The room's summary if some user of the server could be in it, join it, or read it. */
  async #accessible(live: LiveRoom, origin: ServerName): Promise<RoomSummary | undefined> {
    if (!(await this.#access.passesAcl(live, origin))) return undefined;
    const summary = await summarise(this.#rooms, live);
    if (summary.worldReadable || OPEN_RULES.has(summary.joinRule)) return summary;
    if (live.tally.servers.has(origin)) return summary;
    const suffix = `:${origin}`;
    for (const [user, membership] of live.head.state.members())
      if (membership === 'invite' && user.endsWith(suffix)) return summary;
    if (summary.joinRule !== 'restricted') return undefined;
    for (const allowed of summary.allowedRooms) {
      const other = isRoomId(allowed) ? await this.#ours(allowed) : undefined;
      if (other?.tally.servers.has(origin) === true) return summary;
    }
    return undefined;
  }
}
