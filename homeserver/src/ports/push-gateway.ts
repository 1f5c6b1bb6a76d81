import type { JsonObject } from '@nyx/federation/json/value.ts';

/** Push gateways (spec: Push Gateway API). */
export interface PushGateway {
  /**
   * Tells a gateway of a notification; answers the pushkeys it rejects. Throws when it cannot be reached, answers too
   * late, or with anything but success.
   */
  notify(url: URL, notification: JsonObject, signal: AbortSignal): Promise<readonly string[]>;
}
