/** Messages of rooms: what is needed to send and to read them. */
import * as z from 'zod/mini';
import { eventSchema, roomIdSchema, type DecryptResult } from '../events.ts';
import { content, opaqueId } from './fields.ts';

/** Most decryptions asked for in one message; the page pages its timeline anyway. */
export const MAX_EVENTS_PER_DECRYPT = 500;

/** Arguments of the operations on messages. */
export const messageArgs = {
  roomStatus: z.object({ roomId: roomIdSchema }),
  /** Warm-up when the composer opens: fetches members, devices and sessions so that sending is instant. */
  prepareRoom: z.object({ roomId: roomIdSchema }),
  /**
   * Resolves after the state is stored and the key shares are on their way, with the event to send. `txnId` makes a
   * retry answer with the very same ciphertext until `eventSent`.
   */
  encryptEvent: z.object({
    roomId: roomIdSchema,
    txnId: opaqueId,
    type: z.string().check(z.maxLength(255)),
    content,
  }),
  /** The server took the event. */
  eventSent: z.object({ roomId: roomIdSchema, txnId: opaqueId, eventId: z.string().check(z.maxLength(255)) }),
  /** The server refused the event with CHAT.NYX.STALE_EPOCH: encrypt again with the same txnId afterwards. */
  eventStale: z.object({
    roomId: roomIdSchema,
    txnId: opaqueId,
    departure: z.optional(z.string().check(z.maxLength(255))),
  }),
  decryptEvents: z.object({
    roomId: roomIdSchema,
    events: z.array(eventSchema).check(z.maxLength(MAX_EVENTS_PER_DECRYPT)),
  }),
  /** The user pressed "ask the sender" under a waiting message. */
  askForKey: z.object({ roomId: roomIdSchema, eventId: z.string().check(z.maxLength(255)) }),
} as const;

/** What the room's banner and composer need. */
export type RoomStatus = {
  readonly roomId: string;
  /** `clear`: never encrypted. `locked`: another algorithm (Megolm): explain and lock the composer. */
  readonly encryption: 'clear' | 'epoch' | 'locked';
  readonly algorithm: string | undefined;
  /** Joined members without a device that can read what we send; named before the first message. */
  readonly withoutDevice: readonly string[];
  /** Members whose join (or invite, in invite-only rooms) carries no valid signature: they get no keys. */
  readonly unsigned: readonly string[];
  /** Members whose master key changed: they get no keys until accepted. */
  readonly changed: readonly string[];
};

export type EncryptedEvent = {
  readonly type: 'm.room.encrypted';
  readonly content: Readonly<Record<string, unknown>>;
};

/** Their results. */
export type MessageResults = {
  roomStatus: RoomStatus;
  prepareRoom: RoomStatus;
  encryptEvent: EncryptedEvent;
  eventSent: Record<string, never>;
  eventStale: Record<string, never>;
  decryptEvents: { readonly results: readonly DecryptResult[] };
  askForKey: Record<string, never>;
};
