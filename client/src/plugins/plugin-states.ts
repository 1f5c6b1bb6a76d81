import { z } from 'zod';
import type { EngineClient } from '../crypto/engine/protocol.ts';

const keptSchema = z.object({
  enabled: z.boolean(),
  granted: z.array(z.string()),
  settings: z.record(z.string(), z.union([z.boolean(), z.number(), z.string()])),
});

/** What the person decided about a plugin. */
export type KeptState = z.output<typeof keptSchema>;

/** Decisions about plugins, in the vault: nobody but the person can grant a permission. */
export class PluginStates {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  async load(id: string): Promise<KeptState | undefined> {
    const { entries } = await this.#engine.call('localGet', { collection: 'plugins', keys: [`state ${id}`] });
    const parsed = keptSchema.safeParse(entries[0]?.value);
    return parsed.success ? parsed.data : undefined;
  }

  async save(id: string, state: KeptState): Promise<void> {
    await this.#engine.call('localPut', {
      collection: 'plugins',
      put: [{ key: `state ${id}`, value: state }],
    });
  }
}
