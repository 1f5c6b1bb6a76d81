import { LIMITS } from '@nyx/plugin-sdk/limits.ts';
import { RpcError } from '@nyx/plugin-sdk/rpc/messages.ts';
import { storable } from '@nyx/plugin-sdk/server/memory-storage.ts';
import { z } from 'zod';
import type { EngineClient } from '../crypto/engine/protocol.ts';

const indexSchema = z.record(z.string(), z.number());

/** A plugin's own values in the vault, with an index of their sizes: the quota holds, and keys can be listed. */
export class PluginStorage {
  readonly #engine: EngineClient;
  readonly #id: string;
  #sizes: Promise<Map<string, number>> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(engine: EngineClient, id: string) {
    this.#engine = engine;
    this.#id = id;
  }

  async get(key: string): Promise<unknown> {
    const { entries } = await this.#engine.call('localGet', {
      collection: 'plugin-data',
      keys: [this.#name(key)],
    });
    return entries[0]?.value ?? null;
  }

  /** @throws RpcError `quota` or `invalid` */
  set(key: string, value: unknown): Promise<null> {
    const { bytes } = storable(key, value);
    return this.#inTurn(async (sizes) => {
      const next = new Map(sizes).set(key, bytes);
      if (next.values().reduce((sum, size) => sum + size, 0) > LIMITS.storageBytes)
        throw new RpcError('quota', 'the storage of this plugin is full');
      await this.#write(next, [{ key: this.#name(key), value }], []);
      return null;
    });
  }

  delete(key: string): Promise<null> {
    return this.#inTurn(async (sizes) => {
      const next = new Map(sizes);
      next.delete(key);
      await this.#write(next, [], [this.#name(key)]);
      return null;
    });
  }

  list(prefix: string, after = ''): Promise<readonly string[]> {
    return this.#inTurn(async (sizes) =>
      [...sizes.keys()]
        .filter((key) => key.startsWith(prefix) && key > after)
        .sort()
        .slice(0, LIMITS.storagePage),
    );
  }

  /** Removes everything. */
  clear(): Promise<null> {
    return this.#inTurn(async (sizes) => {
      const names = [...sizes.keys()].map((key) => this.#name(key));
      for (let from = 0; from < names.length; from += 400)
        await this.#engine.call('localPut', {
          collection: 'plugin-data',
          remove: names.slice(from, from + 400),
        });
      await this.#write(new Map(), [], []);
      return null;
    });
  }

  #name(key: string): string {
    return `${this.#id} ${key}`;
  }

  async #load(): Promise<Map<string, number>> {
    const { entries } = await this.#engine.call('localGet', { collection: 'plugin-data', keys: [this.#id] });
    const parsed = indexSchema.safeParse(entries[0]?.value ?? {});
    return new Map(Object.entries(parsed.success ? parsed.data : {}));
  }

  /** The value and the index change in one commit. */
  async #write(
    sizes: Map<string, number>,
    put: readonly { readonly key: string; readonly value: unknown }[],
    remove: readonly string[],
  ): Promise<void> {
    await this.#engine.call('localPut', {
      collection: 'plugin-data',
      put: [...put, { key: this.#id, value: Object.fromEntries(sizes) }],
      remove: [...remove],
    });
    this.#sizes = Promise.resolve(sizes);
  }

  #inTurn<T>(work: (sizes: Map<string, number>) => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => work(await (this.#sizes ??= this.#load())));
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
