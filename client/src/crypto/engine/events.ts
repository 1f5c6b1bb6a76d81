/** The shapes of Matrix events that enter the engine, and what it answers about each of them. */
import * as z from 'zod/mini';

export const userIdSchema = z.string().check(z.maxLength(255), z.regex(/^@[^:]*:.+$/u));
export const roomIdSchema = z.string().check(z.maxLength(255), z.startsWith('!'));

/** A client-format event (spec: Client-Server API, room event format); unknown keys are ignored. */
export const eventSchema = z.object({
  type: z.string(),
  content: z.record(z.string(), z.unknown()),
  event_id: z.optional(z.string().check(z.maxLength(255))),
  sender: z.optional(z.string().check(z.maxLength(255))),
  state_key: z.optional(z.string().check(z.maxLength(255))),
  origin_server_ts: z.optional(z.number()),
  room_id: z.optional(z.string()),
  unsigned: z.optional(z.record(z.string(), z.unknown())),
});
export type MatrixEvent = z.infer<typeof eventSchema>;

/**
 * State of one encrypted event (e2ee.md section 4). The four that are not `decrypted` have texts of their own; none
 * of them carries content.
 */
export type DecryptResult = { readonly eventId: string } & (
  | {
      readonly state: 'decrypted';
      readonly type: string;
      readonly content: Readonly<Record<string, unknown>>;
      /** Proven sender: equals the outer one. */
      readonly sender: string;
      readonly device: string;
      /** `verified`: compared by the user; `pinned`: first-use trust. */
      readonly trust: 'verified' | 'pinned' | 'own';
      /** `late`: old epoch, a day or more after a departure; `missing`: names earlier events that the server has
       * not shown us; `imported`: read with a key from the backup. */
      readonly warnings: readonly ('late' | 'missing' | 'imported')[];
      /** Events the sender had seen last. */
      readonly seen: readonly string[];
    }
  /** No key yet, asked for automatically. `askSender`: automatic tries are used up. */
  | { readonly state: 'waiting'; readonly kid: string; readonly askSender: boolean }
  /** A holder says we may not have the key, or the message was made for somebody else. */
  | { readonly state: 'refused'; readonly code: 'not_in_roster' | 'left' | 'before_join' | 'withheld' }
  /** It decrypts, but who wrote it cannot be proven. */
  | {
      readonly state: 'unverified';
      readonly code:
        | 'unknown_device'
        | 'unsigned_device'
        | 'identity_changed'
        | 'sender_mismatch'
        | 'bad_signature'
        | 'not_a_member';
    }
  /** Damaged, replayed or beyond recovery. */
  | {
      readonly state: 'lost';
      readonly code: 'malformed' | 'tampered' | 'replayed' | 'expired' | 'unsupported';
    }
);
