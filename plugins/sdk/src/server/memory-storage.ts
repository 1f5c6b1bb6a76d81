import { LIMITS } from '../limits.ts';
import { RpcError } from '../rpc/messages.ts';
import type { ServerStorage } from './plugin.ts';

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** A key and value as a store may keep them, with their size. Throws `RpcError` with code `invalid`. */
export const storable = (key: string, value: unknown): { readonly json: string; readonly bytes: number } => {
  if (key === '' || bytesOf(key) > LIMITS.storageKeyBytes)
    throw new RpcError('invalid', `a key has 1 to ${LIMITS.storageKeyBytes} bytes`);
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new RpcError('invalid', 'the value is no JSON');
  const size = bytesOf(json);
  if (size > LIMITS.storageValueBytes)
    throw new RpcError('invalid', `a value has at most ${LIMITS.storageValueBytes} bytes as JSON`);
  return { json, bytes: size + bytesOf(key) };
};

/** Storage of a plugin under test, with the limits of the real one. */
export class MemoryStorage implements ServerStorage {
  readonly #rows = new Map<string, { readonly json: string; readonly bytes: number }>();

  async get(key: string): Promise<unknown> {
    const row = this.#rows.get(key);
    return row === undefined ? null : (JSON.parse(row.json) as unknown);
  }

  async set(key: string, value: unknown): Promise<void> {
    const row = storable(key, value);
    let used = row.bytes - (this.#rows.get(key)?.bytes ?? 0);
    for (const { bytes } of this.#rows.values()) used += bytes;
    if (used > LIMITS.storageBytes) throw new RpcError('quota', 'the storage of this plugin is full');
    this.#rows.set(key, row);
  }

  async delete(key: string): Promise<void> {
    this.#rows.delete(key);
  }

  async list(prefix: string, after = ''): Promise<readonly string[]> {
    return [...this.#rows.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort()
      .slice(0, LIMITS.storagePage);
  }
}
