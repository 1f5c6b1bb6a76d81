import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { mongo } from 'mongoose';
import type { ChainPlace, StoredEvent, TransactionKey } from '../../../domain/events/stored-event.ts';
import { MAX_GAPS, type EventLookups, type MembershipRow } from '../../../ports/event-store.ts';
import { chainFrom, fromDocument, transactionString, type EventDocument } from './event-document.ts';
import { EVENTS, EVENTS_APART } from './event-indexes.ts';

/** Look-ups of events by what has an index of its own. */
export class MongoEventLookups implements EventLookups {
  readonly #events: mongo.Collection<EventDocument>;

  readonly #apart: mongo.Collection<EventDocument>;

  constructor(db: mongo.Db) {
    this.#events = db.collection<EventDocument>(EVENTS);
    this.#apart = db.collection<EventDocument>(EVENTS_APART);
  }

  async byTransaction(key: TransactionKey): Promise<EventId | undefined> {
    const found = await this.#events.findOne(
      { tx: transactionString(key) },
      { projection: { _id: 1 }, hint: 'transaction' },
    );
    return found?._id;
  }

  async memberships(user: string, upTo?: number): Promise<MembershipRow[]> {
    const found = this.#events
      .find({ 'mb.u': user, ...(upTo === undefined ? {} : { s: { $lte: upTo } }) })
      .project<Pick<EventDocument, 'r' | 's' | 'mb'>>({ r: 1, s: 1, mb: 1 })
      .sort({ s: -1 })
      .hint('member');
    const rows = new Map<string, MembershipRow>();
    for await (const { r: room, s: stream = 0, mb = [] } of found) {
      if (rows.has(room)) continue;
      const change = mb.findLast((each) => each.u === user);
      if (change !== undefined) {
        rows.set(room, { room, stream, membership: change.m, eventId: change.e });
      }
    }
    return [...rows.values()];
  }

  async nearest(room: RoomId, ts: number, direction: 'f' | 'b'): Promise<StoredEvent | undefined> {
    const [found] = await this.#events
      .find({ r: room, ts: direction === 'f' ? { $gte: ts } : { $lte: ts }, p: { $exists: true } })
      .sort(direction === 'f' ? { ts: 1 } : { ts: -1 })
      .limit(1)
      .hint('room_time')
      .toArray();
    return found === undefined ? undefined : fromDocument(found);
  }

  async behindGaps(room: RoomId): Promise<ReadonlySet<EventId>> {
    const found = await this.#events
      .find({ r: room, gap: true })
      .sort({ p: -1 })
      .limit(MAX_GAPS)
      .hint('room_gap')
      .toArray();
    return new Set(found.flatMap((document) => fromDocument(document).pdu.prevEvents));
  }

  async chainPlaces(ids: readonly EventId[]): Promise<ReadonlyMap<EventId, ChainPlace>> {
    const places = new Map<EventId, ChainPlace>();
    for (const events of [this.#events, this.#apart]) {
      const missing = ids.filter((id) => !places.has(id));
      if (missing.length === 0) break;
      const found = events
        .find({ _id: { $in: missing } })
        .project<Pick<EventDocument, '_id' | 'c'>>({ c: 1 });
      for await (const { _id, c } of found) if (c !== undefined) places.set(_id, chainFrom(c));
    }
    return places;
  }

  async chainSegment(room: RoomId, chain: string, from: number, to: number): Promise<EventId[]> {
    const segments = [this.#events, this.#apart].map((events) =>
      events
        .find({ r: room, 'c.c': chain, 'c.n': { $gte: from, $lte: to } })
        .project<Pick<EventDocument, '_id'>>({ _id: 1 })
        .hint('auth_chain')
        .toArray(),
    );
    const ids = (await Promise.all(segments)).flat().map((document) => document._id);
    return [...new Set(ids)];
  }
}
