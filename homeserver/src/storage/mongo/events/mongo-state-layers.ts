import type { mongo } from 'mongoose';
import type { StateLayer } from '../../../domain/events/room-state.ts';
import { splitStateKey, stateKey } from '../../../domain/events/room-state.ts';
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
};

/** The document of a layer. */
export const layerToDocument = (layer: StateLayer): StateLayerDocument => {
  const flat: string[] = [];
  for (const [key, value] of layer.entries) flat.push(...splitStateKey(key), value);
  return { _id: layer.id, r: layer.room, b: [...layer.below], e: JSON.stringify(flat) };
};

/** The layer of a document. */
export const layerFromDocument = (document: StateLayerDocument): StateLayer => {
  const flat = JSON.parse(document.e) as string[];
  const entries = new Map<string, string>();
  for (let at = 0; at + 2 < flat.length; at += 3) {
    entries.set(stateKey(flat[at] ?? '', flat[at + 1] ?? ''), flat[at + 2] ?? '');
  }
  return { id: document._id, room: document.r, below: document.b, entries };
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

  async get(ids: readonly string[]): Promise<StateLayer[]> {
    const found = await this.#layers.find({ _id: { $in: [...ids] } }).toArray();
    return found.map(layerFromDocument);
  }
}
