import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';

/** Assumed where the server does not say how long its credentials last. */
const USUAL_LIFETIME_MS = 3_600_000;

/** STUN and TURN servers with credentials that are renewed at half of their life. */
export class RelayServers {
  readonly #context: Pick<TrustedContext, 'calls' | 'now' | 'log'>;
  #known: readonly RTCIceServer[] = [];
  #renewAt = 0;

  constructor(context: Pick<TrustedContext, 'calls' | 'now' | 'log'>) {
    this.#context = context;
  }

  /** Those known last, when the server cannot be asked. */
  async current(): Promise<readonly RTCIceServer[]> {
    const { calls, now, log } = this.#context;
    if (now() < this.#renewAt) return this.#known;
    try {
      const { servers, lifetime = USUAL_LIFETIME_MS } = await calls.iceServers();
      this.#known = servers.map((server) => ({ ...server, urls: [...server.urls] }));
      this.#renewAt = now() + lifetime / 2;
    } catch {
      log.warn('the servers for calls could not be asked for');
    }
    return this.#known;
  }
}
