import type { JsonObject } from '@nyx/federation/json/value.ts';

/** Sends ephemeral messages to other servers. */
export interface OutboundEdus {
  /** Resolves when they are stored on their way to each of the servers. */
  send(servers: readonly string[], edus: readonly EduToSend[]): Promise<void>;
}

export type EduToSend = { readonly type: string; readonly content: JsonObject };
