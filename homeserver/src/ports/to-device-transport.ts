import type { JsonObject } from '@nyx/federation/json/value.ts';

/** An `m.direct_to_device` EDU's content (spec: Server-Server API, Send-to-device messaging). */
export type DirectToDevice = {
  readonly sender: string;
  readonly type: string;
  readonly message_id: string;
  readonly messages: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
};

/** Carries messages to other servers' devices. */
export interface ToDeviceTransport {
  /** Answers when the messages are stored on their way; repeats under one `message_id` are sent once. */
  send(server: string, edu: DirectToDevice): Promise<void>;
}
