import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { DeviceRef } from './device-key-store.ts';

/** A message for one device, as /sync gives it to the client. */
export type ToDeviceMessage = {
  readonly sender: string;
  readonly type: string;
  readonly content: JsonObject;
};

/** A message on its way into an inbox. */
export type IncomingToDevice = ToDeviceMessage & {
  readonly to: DeviceRef;
  /** Repeats of the same message to the same device carry the same key and are stored once. */
  readonly dedupeKey: string;
};

export type InboxPage = {
  /** Oldest first. */
  readonly messages: readonly ToDeviceMessage[];
  /** Everything at or below this position has been read: what the next token stands for. */
  readonly through: number;
};

/** Messages waiting for devices. Stored before they are acknowledged, kept until the device proves receipt. */
export interface DeviceInbox {
  /** Answers when the messages are journaled. */
  put(messages: readonly IncomingToDevice[]): Promise<void>;
  /**
   * The same for messages that must reach a device at most once, however often and by whichever way they come, also
   * after the device has read and acknowledged them. Remembered for a week.
   */
  putOnce(messages: readonly IncomingToDevice[]): Promise<void>;
  /** Messages in (after, upTo]; `through` is `upTo`, or the last one's position when `limit` cut them short. */
  read(device: DeviceRef, after: number, upTo: number, limit: number): Promise<InboxPage>;
  /** Position of the newest message that is stored for the device, 0 for none; it may be above the stream's mark. */
  newest(device: DeviceRef): Promise<number>;
  /** The device has everything up to `through`: it is deleted. */
  acknowledge(device: DeviceRef, through: number): Promise<void>;
  /** The devices are gone, and so are their messages. */
  drop(devices: readonly DeviceRef[]): Promise<void>;
}
