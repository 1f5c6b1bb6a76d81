import { LRUCache } from 'lru-cache';
import type { StateLayerStore } from '../../ports/event-store.ts';
import { RoomState, type StateLayer } from './room-state.ts';

/** Bound of the cache, in entries over all layers (about 150 bytes each). */
const MAX_CACHED_ENTRIES = 120_000;

/** Finds states by id. Layers are immutable, so they are cached without invalidation. */
export class RoomStates {
  readonly #store: StateLayerStore;
  readonly #layers = new LRUCache<string, StateLayer>({
    maxSize: MAX_CACHED_ENTRIES,
    sizeCalculation: (layer) => layer.entries.size + 2,
  });

  constructor(store: StateLayerStore) {
    this.#store = store;
  }

  /** Makes layers known before, or without, their being read from storage. */
  remember(layers: readonly StateLayer[]): void {
    for (const layer of layers) this.#layers.set(layer.id, layer);
  }

  /** Whether a layer that was partial when it was read is whole by now; it is read anew then. */
  async refresh(id: string): Promise<boolean> {
    if (await this.#store.isPartial(id)) return false;
    this.#layers.delete(id);
    return true;
  }

  /** The state of that id. Throws when storage lacks a layer: every stored event's state is stored before it. */
  async get(id: string): Promise<RoomState> {
    const found = (await this.getAll([id])).get(id);
    if (found === undefined) throw new Error(`state ${id} is not stored`);
    return found;
  }

  /** Several states in at most two look-ups. */
  async getAll(ids: Iterable<string>): Promise<Map<string, RoomState>> {
    const wanted = new Set(ids);
    const held = new Map<string, StateLayer>();
    await this.#fetch(wanted, held);
    const below = new Set<string>();
    for (const layer of held.values()) for (const id of layer.below) below.add(id);
    await this.#fetch(below, held);
    const states = new Map<string, RoomState>();
    for (const id of wanted) {
      if (id === '') {
        states.set(id, RoomState.empty);
        continue;
      }
      const top = held.get(id);
      if (top === undefined) continue;
      const layers: StateLayer[] = [top];
      for (const lower of top.below) {
        const layer = held.get(lower);
        if (layer === undefined) throw new Error(`state layer ${lower} is not stored`);
        layers.push(layer);
      }
      states.set(id, new RoomState(layers));
    }
    return states;
  }

  async #fetch(ids: Iterable<string>, into: Map<string, StateLayer>): Promise<void> {
    const missing: string[] = [];
    for (const id of ids) {
      if (id === '' || into.has(id)) continue;
      const cached = this.#layers.get(id);
      if (cached === undefined) missing.push(id);
      else into.set(id, cached);
    }
    if (missing.length === 0) return;
    for (const layer of await this.#store.get(missing)) {
      this.#layers.set(layer.id, layer);
      into.set(layer.id, layer);
    }
  }
}
