import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { mongo } from 'mongoose';
import type { StoredEvent } from '../../../domain/events/stored-event.ts';
import type { EventReader, PageRequest } from '../../../ports/event-store.ts';
import { fromDocument, type EventDocument } from './event-document.ts';
import { FENCE_INDEX } from '../stream-leases.ts';
import { EVENTS, EVENTS_APART } from './event-indexes.ts';

/** The condition and order of one page of a room. */
export function pageQuery(request: PageRequest): { where: mongo.Document; order: 1 | -1 } {
  const forward = request.direction === 'forward';
  const bounds: Record<string, number> = {};
  if (request.from !== undefined) bounds[forward ? '$gt' : '$lt'] = request.from;
  if (request.to !== undefined) bounds[forward ? '$lt' : '$gt'] = request.to;
  return { where: { p: { ...bounds, $exists: true } }, order: forward ? 1 : -1 };
}

/** Reads events from MongoDB. */
export class MongoEventReader implements EventReader {
  readonly #events: mongo.Collection<EventDocument>;

  readonly #apart: mongo.Collection<EventDocument>;

  constructor(db: mongo.Db) {
    this.#events = db.collection<EventDocument>(EVENTS);
    this.#apart = db.collection<EventDocument>(EVENTS_APART);
  }

  async byIds(ids: readonly EventId[]): Promise<StoredEvent[]> {
    const found = await findByIds(this.#events, ids);
    if (found.length < ids.length) {
      const have = new Set(found.map((document) => document._id));
      const rest = ids.filter((id) => !have.has(id));
      found.push(...(await findByIds(this.#apart, rest)));
    }
    return found.map(fromDocument);
  }

  async page(request: PageRequest): Promise<StoredEvent[]> {
    const { where, order } = pageQuery(request);
    const found = await this.#events
      .find({ r: request.room, ...where })
      .sort({ p: order })
      .limit(request.limit)
      .hint('room_position')
      .toArray();
    return found.map(fromDocument);
  }

  async latest(room: RoomId): Promise<StoredEvent | undefined> {
    const [found] = await this.page({ room, direction: 'backward', limit: 1 });
    return found;
  }

  async stream(after: number, upTo: number, limit: number): Promise<StoredEvent[]> {
    // Positions that were closed without an event hold an empty document.
    const found = await this.#events
      .find({ s: { $gt: after, $lte: upTo }, void: { $exists: false } })
      .sort({ s: 1 })
      .limit(limit)
      .hint(FENCE_INDEX)
      .toArray();
    return found.map(fromDocument);
  }

  async positionAt(room: RoomId, stream: number): Promise<number> {
    // Positions of accepted events rise with their stream positions, so the boundary is found by halving.
    const newest = await this.#events.findOne(
      { r: room, p: { $exists: true } },
      { sort: { p: -1 }, projection: { p: 1, s: 1 }, hint: 'room_position' },
    );
    if (newest?.p === undefined) return 0;
    if (newest.s !== undefined && newest.s <= stream) return newest.p;
    let low = 0;
    let high = Math.floor(newest.p);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      const found = await this.#events.findOne(
        { r: room, p: { $gte: middle, $lt: high }, s: { $exists: true } },
        { sort: { p: 1 }, projection: { p: 1, s: 1 }, hint: 'room_position' },
      );
      if (found?.p === undefined || found.s === undefined || found.s > stream) high = middle;
      else low = Math.floor(found.p);
    }
    return low;
  }
}

async function findByIds(
  events: mongo.Collection<EventDocument>,
  ids: readonly EventId[],
): Promise<EventDocument[]> {
  const [only] = ids;
  if (only === undefined) return [];
  if (ids.length > 1) return events.find({ _id: { $in: [...ids] } }).toArray();
  const found = await events.findOne({ _id: only });
  return found === null ? [] : [found];
}
