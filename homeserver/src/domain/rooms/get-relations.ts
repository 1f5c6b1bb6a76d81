import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { Audience } from '../events/client-event.ts';
import type { PresentEvents } from '../events/present-events.ts';
import { relationOf, type StoredEvent } from '../events/stored-event.ts';
import type { GetEvent } from './get-event.ts';
import type { RoomViewers } from './room-viewers.ts';
import { parseToken, placeToken } from './tokens.ts';

export type RelationsRequest = {
  readonly room: RoomId;
  readonly event: EventId;
  readonly audience: Audience;
  readonly relType: string | undefined;
  readonly eventType: string | undefined;
  readonly direction: 'forward' | 'backward';
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly limit: number;
  readonly recurse: boolean;
};

export type Relations = {
  readonly chunk: readonly JsonObject[];
  readonly next: string | undefined;
  readonly depth: number | undefined;
};

/** Levels of relations of relations that are followed (spec: Client-Server API, relations, recurse). */
const MAX_DEPTH = 3;
/** Events read from the index for one request. */
const MAX_READ = 2_000;

/** Events that relate to another (spec: Client-Server API, GET relations). */
export class GetRelations {
  readonly #viewers: RoomViewers;
  readonly #events: GetEvent;
  readonly #present: PresentEvents;

  constructor(viewers: RoomViewers, events: GetEvent, present: PresentEvents) {
    this.#viewers = viewers;
    this.#events = events;
    this.#present = present;
  }

  /** Throws `not_found` for a parent that the user may not see. */
  async get(request: RelationsRequest): Promise<Relations> {
    const { room, event: parent, audience, limit, recurse } = request;
    const { viewer } = await this.#events.visible(room, parent, audience.user);
    const from = await this.#place(room, request.from);
    const to = await this.#place(room, request.to);
    const { found, depth } = recurse
      ? await this.#recursively(request, from, to)
      : { found: await this.#read(request, parent, from, to, limit + 1, request.relType), depth: undefined };
    const matching = found.filter((event) => this.#matches(event, request));
    const page = matching.slice(0, limit);
    const visible = await this.#viewers.visibility.filter(viewer, page);
    const chunk = await this.#present.present(visible, { audience, withRoomId: true, withRelations: true });
    const last = page.at(-1)?.pos;
    const isMore = matching.length > limit || (!recurse && found.length > limit);
    const resume = last ?? found.at(-1)?.pos;
    return { chunk, next: isMore && resume !== undefined ? placeToken(resume) : undefined, depth };
  }

  #matches(event: StoredEvent, { relType, eventType }: RelationsRequest): boolean {
    if (eventType !== undefined && event.pdu.type !== eventType) return false;
    return relType === undefined || relationOf(event.pdu)?.relType === relType;
  }

  #read(
    { room, direction }: RelationsRequest,
    target: EventId,
    from: number | undefined,
    to: number | undefined,
    limit: number,
    relType: string | undefined,
  ): Promise<StoredEvent[]> {
    return this.#viewers.rooms.engine.relations.relating({
      room,
      target,
      relType,
      direction,
      from,
      to,
      limit,
    });
  }

  /** All descendants down to a depth, in the order asked for. */
  async #recursively(
    request: RelationsRequest,
    from: number | undefined,
    to: number | undefined,
  ): Promise<{ found: StoredEvent[]; depth: number }> {
    const found = new Map<EventId, StoredEvent>();
    let parents: EventId[] = [request.event];
    let depth = 0;
    while (parents.length > 0 && depth < MAX_DEPTH && found.size < MAX_READ) {
      depth++;
      const children: EventId[] = [];
      for (const parent of parents) {
        for (const child of await this.#read(request, parent, undefined, undefined, MAX_READ, undefined)) {
          if (!found.has(child.id)) children.push(child.id);
          found.set(child.id, child);
        }
        if (found.size >= MAX_READ) break;
      }
      parents = children;
    }
    const sign = request.direction === 'forward' ? 1 : -1;
    const inOrder = [...found.values()].sort((a, b) => sign * ((a.pos ?? 0) - (b.pos ?? 0)));
    const isWithin = (pos: number): boolean =>
      (from === undefined || sign * (pos - from) > 0) && (to === undefined || sign * (to - pos) > 0);
    return { found: inOrder.filter((event) => event.pos !== undefined && isWithin(event.pos)), depth };
  }

  async #place(room: RoomId, text: string | undefined): Promise<number | undefined> {
    if (text === undefined) return undefined;
    const token = parseToken(text);
    if ('pos' in token) return token.pos;
    return (await this.#viewers.rooms.engine.reader.positionAt(room, token.stream)) + 0.5;
  }
}
