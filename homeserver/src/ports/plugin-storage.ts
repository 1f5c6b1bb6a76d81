/** What plugins keep, each in a space of its own. */
export interface PluginStorage {
  /** Undefined when there is no such key. */
  get(plugin: string, key: string): Promise<unknown>;
  /** False when the plugin's space is full; nothing is written then. */
  set(
    plugin: string,
    key: string,
    value: { readonly json: string; readonly bytes: number },
  ): Promise<boolean>;
  delete(plugin: string, key: string): Promise<void>;
  /** Keys that begin with `prefix`, in the order of their bytes, those after `after`. */
  list(plugin: string, prefix: string, after: string, limit: number): Promise<readonly string[]>;
  /** Whether a schedule is due; if so it is due again `everyMs` later, and nobody else is told. */
  claimDue(plugin: string, schedule: string, now: number, everyMs: number): Promise<boolean>;
}
