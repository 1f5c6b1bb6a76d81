import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import type { Effect } from '../call/state.ts';

type Send = Extract<Effect, { kind: 'send' }>;
type Ports = Pick<TrustedContext, 'events' | 'devices' | 'after' | 'signal'>;

const RETRY_MS = 1_000;
const MAX_TRIES = 30;
/** Tells this room apart in messages from device to device, which stand in none. */
export const ROOM_KEY = 'chat.nyx.room_id';

const isNetwork = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'network';

/** Sends signals encrypted or not at all, those of one call in order; tries again while the server is away. */
export class Sender {
  readonly #ports: Ports;
  readonly #tails = new Map<string, Promise<void>>();

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Rejects when it cannot be sent. */
  send(effect: Send): Promise<void> {
    const before = this.#tails.get(effect.callId) ?? Promise.resolve();
    const sent = before.then(() => this.#try(effect));
    const tail = sent.catch(() => undefined);
    this.#tails.set(effect.callId, tail);
    void tail.then(() => {
      if (this.#tails.get(effect.callId) === tail) this.#tails.delete(effect.callId);
    });
    return sent;
  }

  async #try(effect: Send): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#once(effect);
        return;
      } catch (error) {
        if (!isNetwork(error) || tries >= MAX_TRIES || this.#ports.signal.aborted) throw error;
        await new Promise<void>((resolve) => this.#ports.after(RETRY_MS, resolve));
      }
    }
  }

  async #once({ roomId, type, content, to }: Send): Promise<void> {
    const { events, devices } = this.#ports;
    if (to === undefined) {
      await events.send(roomId, type, content, { encryptedOnly: true });
      return;
    }
    const { reached } = await devices.send(to.userId, type, { ...content, [ROOM_KEY]: roomId }, [
      to.deviceId,
    ]);
    if (reached.length === 0) throw new Error('the other device cannot be reached encrypted');
  }
}
