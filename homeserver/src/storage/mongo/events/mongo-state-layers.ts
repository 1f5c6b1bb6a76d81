import type { mongo } from 'mongoose';
import type { StateLayer } from '../../../domain/events/room-state.ts';
import { splitStateKey, stateKey } from '../../../domain/events/room-state.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';
import { STATE_LAYERS } from './event-indexes.ts';
import type { StateLayerStore } from '../../../ports/event-store.ts';

/** A state layer: its entries are one flat list of (type, state key, value), which compresses well. */
export type StateLayerDocument = {
  _id: string;
  /** Room id. */
  r: string;
  /** Ids of the layers below, nearest first. */
  b: string[];
  /** Entries as JSON, `[type, key, value, type, ...]`. */
  e: string;
  /** While members are missing: the join's event id and the servers in the room. */
  p?: { e: EventId; s: string[] };
};

export const PARTIAL_INDEXES: readonly NamedIndex[] = [
  { name: 'state_layers_partial', key: { 'p.e': 1 }, partialFilterExpression: { 'p.e': { $exists: true } } },
];

/** The document of a layer. */
export const layerToDocument = (layer: StateLayer): StateLayerDocument => {
  const flat: string[] = [];
  for (const [key, value] of layer.entries) flat.push(...splitStateKey(key), value);
  const { partial } = layer;
  return {
    _id: layer.id,
    r: layer.room,
    b: [...layer.below],
    e: JSON.stringify(flat),
    ...(partial === undefined ? {} : { p: { e: partial.event, s: [...partial.servers] } }),
  };
};

/** The layer of a document. */
export const layerFromDocument = (document: StateLayerDocument): StateLayer => {
  const flat = JSON.parse(document.e) as string[];
  const entries = new Map<string, string>();
  for (let at = 0; at + 2 < flat.length; at += 3) {
    entries.set(stateKey(flat[at] ?? '', flat[at + 1] ?? ''), flat[at + 2] ?? '');
  }
  const { p } = document;
  const layer = { id: document._id, room: document.r, below: document.b, entries };
  return p === undefined ? layer : { ...layer, partial: { event: p.e, servers: p.s } };
};

/** State layers in MongoDB. */
export class MongoStateLayers implements StateLayerStore {
  readonly #layers: mongo.Collection<StateLayerDocument>;

  constructor(db: mongo.Db) {
    this.#layers = db.collection<StateLayerDocument>(STATE_LAYERS);
  }

  async put(layers: readonly StateLayer[]): Promise<void> {
    if (layers.length === 0) return;
    try {
      // Acknowledged but not flushed: the journal is one sequence, so the flush of the event that refers to these
      // layers carries them too.
      await this.#layers.insertMany(layers.map(layerToDocument), {
        ordered: false,
        writeConcern: { w: 1, journal: false },
      });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  }

  async complete(layer: StateLayer): Promise<boolean> {
    const { e } = layerToDocument(layer);
    const result = await this.#layers.updateOne(
      { _id: layer.id, 'p.e': { $exists: true } },
      { $set: { e }, $unset: { p: '' } },
      { writeConcern: { w: 'majority', journal: true } },
    );
    return result.matchedCount > 0;
  }

  async isPartial(id: string): Promise<boolean> {
    const found = await this.#layers.findOne(
      { _id: id, 'p.e': { $exists: true } },
      { projection: { _id: 1 } },
    );
    return found !== null;
  }

  async partial(limit: number): Promise<string[]> {
    const found = this.#layers.find({ 'p.e': { $exists: true } }, { projection: { _id: 1 } });
    return (await found.limit(limit).toArray()).map(({ _id }) => _id);
  }

  async get(ids: readonly string[]): Promise<StateLayer[]> {
    const found = await this.#layers.find({ _id: { $in: [...ids] } }).toArray();
    return found.map(layerFromDocument);
  }
}
