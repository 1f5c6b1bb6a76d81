import { LRUCache } from 'lru-cache';
import type { DeviceRef, KeyStock, PrekeyStore } from '../../ports/device-key-store.ts';
import type { Notifier } from '../../ports/notifier.ts';
import { deviceName } from './device-id.ts';

/** Devices whose stock is kept in memory. */
const MAX_DEVICES = 20_000;

/** Key under which every change of a device's stock is published; nobody is woken by it. */
export const stockKey = ({ userId, deviceId }: DeviceRef): string => `stock:${userId}:${deviceId}`;

type Held = { stock: Promise<KeyStock> | undefined; readonly listening: Disposable };

/** Stock of devices for /sync, which asks each time: counted again only after something was taken or added. */
export class CachedStock implements Disposable {
  readonly #prekeys: Pick<PrekeyStore, 'stock'>;
  readonly #notifier: Notifier;
  readonly #devices = new LRUCache<string, Held>({
    max: MAX_DEVICES,
    dispose: (held) => held.listening[Symbol.dispose](),
  });

  constructor(prekeys: Pick<PrekeyStore, 'stock'>, notifier: Notifier) {
    this.#prekeys = prekeys;
    this.#notifier = notifier;
  }

  stock(device: DeviceRef): Promise<KeyStock> {
    const held = this.#held(device);
    if (held.stock !== undefined) return held.stock;
    const stock = this.#prekeys.stock(device);
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
    const listening = this.#notifier.listen([stockKey(device)], () => {
      held.stock = undefined;
    });
    const held: Held = { stock: undefined, listening };
    this.#devices.set(name, held);
    return held;
  }
}
