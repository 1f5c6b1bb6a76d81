import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { mongo } from 'mongoose';
import type { StoredEvent } from '../../../domain/events/stored-event.ts';
import type { RelationGroup, RelationLookups, RelationRequest } from '../../../ports/event-store.ts';
import { fromDocument, type EventDocument } from './event-document.ts';
import { EVENTS } from './event-indexes.ts';
import { pageQuery } from './mongo-event-reader.ts';

/** Relations between events, from their index. */
export class MongoRelationLookups implements RelationLookups {
  readonly #events: mongo.Collection<EventDocument>;

  constructor(db: mongo.Db) {
    this.#events = db.collection<EventDocument>(EVENTS);
  }

  async relating(request: RelationRequest): Promise<StoredEvent[]> {
    const { where, order } = pageQuery(request);
    const { target, room, relType, sender } = request;
    const found = await this.#events
      .find({
        rt: target,
        r: room,
        ...(relType === undefined ? {} : { rk: relType }),
        ...(sender === undefined ? {} : { u: sender }),
        ...where,
      })
      .sort({ p: order })
      .limit(request.limit)
      .hint('relation')
      .toArray();
    return found.map(fromDocument);
  }

  async groups(targets: readonly EventId[]): Promise<RelationGroup[]> {
    if (targets.length === 0) return [];
    const found = await this.#events
      .aggregate<{ _id: { t: EventId; k: string }; n: number }>(
        [
          { $match: { rt: { $in: [...targets] } } },
          { $group: { _id: { t: '$rt', k: '$rk' }, n: { $sum: 1 } } },
        ],
        { hint: 'relation' },
      )
      .toArray();
    return found.map(({ _id, n }) => ({ target: _id.t, relType: _id.k, count: n }));
  }

  async threads(request: Parameters<RelationLookups['threads']>[0]): ReturnType<RelationLookups['threads']> {
    const { room, below, limit, participant } = request;
    // A user takes part in a thread by having sent something into it, or its root.
    const mine =
      participant === undefined
        ? []
        : [
            { $lookup: { from: EVENTS, localField: '_id', foreignField: '_id', as: 'root' } },
            { $match: { $or: [{ mine: true }, { 'root.u': participant }] } },
          ];
    const found = await this.#events
      .aggregate<{ _id: EventId; newest: number }>(
        [
          { $match: { r: room, rk: 'm.thread' } },
          {
            $group: {
              _id: '$rt',
              newest: { $max: '$p' },
              mine: { $max: { $eq: ['$u', participant ?? ''] } },
            },
          },
          ...(below === undefined ? [] : [{ $match: { newest: { $lt: below } } }]),
          ...mine,
          { $sort: { newest: -1 } },
          { $limit: limit },
        ],
        { hint: 'thread' },
      )
      .toArray();
    return found.map(({ _id, newest }) => ({ root: _id, newest }));
  }
}
