import { LRUCache } from 'lru-cache';
import type { DeviceRef, KeyStock, PrekeyStore } from '../../ports/device-key-store.ts';
import type { Notifier } from '../../ports/notifier.ts';
import { deviceName } from './device-id.ts';

/** Devices whose stock is kept in memory. */
const MAX_DEVICES = 20_000;

/** Key under which every change of a device's stock is published; nobody is woken by it. */
export const stockKey = ({ userId, deviceId }: DeviceRef): string => `stock:${userId}:${deviceId}`;

export type CachedStockDeps = {
  readonly prekeys: Pick<PrekeyStore, 'stock'>;
  readonly notifier: Notifier;
  /** Whether this process is the only one that gives keys out. Others' claims are known here a moment too late. */
  readonly isAlone: () => boolean;
};

type Held = { stock: Promise<KeyStock> | undefined; readonly listening: Disposable };

/**
 * Stock of devices for /sync, which asks each time: counted again only after something was taken or added. Among several
 * processes it is counted each time, so that the counts are true in every sync.
 */
export class CachedStock implements Disposable {
  readonly #deps: CachedStockDeps;
  readonly #devices = new LRUCache<string, Held>({
    max: MAX_DEVICES,
    dispose: (held) => held.listening[Symbol.dispose](),
  });

  constructor(deps: CachedStockDeps) {
    this.#deps = deps;
  }

  stock(device: DeviceRef): Promise<KeyStock> {
    if (!this.#deps.isAlone()) {
      this.#devices.delete(deviceName(device));
      return this.#deps.prekeys.stock(device);
    }
    const held = this.#held(device);
    if (held.stock !== undefined) return held.stock;
    const stock = this.#deps.prekeys.stock(device);
    held.stock = stock;
    stock.catch(() => {
      if (held.stock === stock) held.stock = undefined;
    });
    return stock;
  }

  [Symbol.dispose](): void {
    this.#devices.clear();
  }

  #held(device: DeviceRef): Held {
    const name = deviceName(device);
    const known = this.#devices.get(name);
    if (known !== undefined) return known;
    // A change while the count is under way drops the count: it may not have seen the change.
    const listening = this.#deps.notifier.listen([stockKey(device)], () => {
      held.stock = undefined;
    });
    const held: Held = { stock: undefined, listening };
    this.#devices.set(name, held);
    return held;
  }
}
