import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { isUserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { RemoteSpace, RemoteSpaces } from '../../ports/remote-spaces.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { DescribeRoom } from './describe-room.ts';
import type { RoomReads } from './room-reads.ts';
import type { RoomSummary } from './room-summary.ts';
import { childEvents, childrenIn, type SpaceChild } from './space-children.ts';

export type HierarchyRequest = {
  readonly room: RoomId;
  readonly user: string;
  readonly suggestedOnly: boolean;
  readonly maxDepth: number;
  readonly limit: number;
  readonly from: string | undefined;
};

export type HierarchyRoom = { readonly summary: RoomSummary; readonly children: readonly JsonObject[] };

/** Rooms of a space that are walked through at most; paging beyond ends there. */
const MAX_ROOMS = 1_000;
/** Rooms of other servers asked for in one walk; those found before are remembered, so the next page gets further. */
const MAX_REMOTE_LOOKS = 25;
const SPACE = 'm.space';
const TOKEN = /^h(\d{1,6})$/;

/** A room on the way through the tree. */
type Step = {
  readonly room: RoomId;
  readonly depth: number;
  readonly via: readonly ServerName[];
  /** The space above, where another server told of it. */
  readonly parent: RemoteSpace | undefined;
};

/** What was found at a step. */
type Sight = {
  readonly summary: RoomSummary;
  readonly children: readonly SpaceChild[];
  readonly remote: RemoteSpace | undefined;
};

/** Walks a space depth first, over the servers that its rooms are on (spec: Client-Server API, GET hierarchy). */
export class SpaceHierarchy {
  readonly #rooms: RoomReads;
  readonly #describe: DescribeRoom;
  readonly #remote: RemoteSpaces;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, describe: DescribeRoom, remote: RemoteSpaces, server: ServerName) {
    this.#rooms = rooms;
    this.#describe = describe;
    this.#remote = remote;
    this.#server = server;
  }

  /** Throws `forbidden` for a space that the user may not look into. */
  async walk(request: HierarchyRequest): Promise<{ rooms: HierarchyRoom[]; next: string | undefined }> {
    const { room, limit, from, maxDepth } = request;
    const skip = from === undefined ? 0 : Number(TOKEN.exec(from)?.[1] ?? NaN);
    if (Number.isNaN(skip)) throw new DomainError('invalid_param', 'Unknown token');
    const found: HierarchyRoom[] = [];
    const seen = new Set<RoomId>();
    const open: Step[] = [{ room, depth: 0, via: [], parent: undefined }];
    const budget = { looks: MAX_REMOTE_LOOKS };
    let place = 0;
    for (let next = open.pop(); next !== undefined && place < MAX_ROOMS; next = open.pop()) {
      if (seen.has(next.room)) continue;
      seen.add(next.room);
      const sight = await this.#look(next, request, budget);
      if (sight === undefined) {
        if (next.depth === 0) throw new DomainError('forbidden', 'You may not look into this space');
        continue;
      }
      const { summary, children, remote } = sight;
      if (place >= skip) {
        if (found.length === limit) return { rooms: found, next: `h${place}` };
        found.push({ summary, children: children.map(({ event }) => event) });
      }
      place++;
      if (next.depth >= maxDepth) continue;
      for (const child of children.toReversed())
        open.push({ room: child.room, depth: next.depth + 1, via: child.via, parent: remote });
    }
    return { rooms: found, next: undefined };
  }

  /** Undefined for a room that cannot be had, or that the user may not know of. */
  async #look(step: Step, request: HierarchyRequest, budget: { looks: number }): Promise<Sight | undefined> {
    const live = await this.#rooms.find(step.room);
    if (live?.tally.servers.has(this.#server) === true) return this.#lookHere(live, request);
    const remote = await this.#lookElsewhere(live, step, request, budget);
    // Of a room that a user is invited to, what came with the invite is known at least.
    return remote ?? (live && this.#lookHere(live, request));
  }

  async #lookHere(live: LiveRoom, { user, suggestedOnly }: HierarchyRequest): Promise<Sight | undefined> {
    const described = await this.#describe.accessible(live, user);
    if (described === undefined) return undefined;
    const { summary } = described;
    const events = summary.roomType === SPACE ? await childEvents(this.#rooms, live) : [];
    return { summary, children: childrenIn(events, suggestedOnly), remote: undefined };
  }

  async #lookElsewhere(
    live: LiveRoom | undefined,
    { room, via, parent }: Step,
    { user, suggestedOnly }: HierarchyRequest,
    budget: { looks: number },
  ): Promise<Sight | undefined> {
    if (parent?.inaccessible.has(room) === true) return undefined;
    const membership = live?.head.state.membership(user);
    const told = parent?.children.get(room);
    if (told !== undefined && told.roomType !== SPACE) {
      const mayKnow = await this.#describe.mayKnow(told, membership, user);
      return mayKnow ? { summary: told, children: [], remote: undefined } : undefined;
    }
    const servers = [...via, ...(await this.#inviter(live, user))];
    if (servers.length === 0 || budget.looks === 0) return undefined;
    budget.looks--;
    const remote = await this.#remote.look(room, servers, suggestedOnly);
    if (remote === undefined || !(await this.#describe.mayKnow(remote.summary, membership, user)))
      return undefined;
    const { summary } = remote;
    const events = summary.roomType === SPACE ? remote.childEvents : [];
    return { summary, children: childrenIn(events, suggestedOnly), remote };
  }

  async #inviter(live: LiveRoom | undefined, user: string): Promise<ServerName[]> {
    if (live === undefined) return [];
    const invite = await this.#rooms.stateEvent(live.head.state, EventType.Member, user);
    const sender = invite?.pdu.sender;
    return isUserId(sender) && userIdServer(sender) !== this.#server ? [userIdServer(sender)] : [];
  }
}
