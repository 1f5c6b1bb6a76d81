/** Syncs and requests: what goes to the server and what comes back. */
import * as z from 'zod/mini';
import { eventSchema } from '../events.ts';
import { opaqueId } from './fields.ts';

/** Most to-device events handed over in one sync; larger batches are split by the page. */
export const MAX_TO_DEVICE_PER_SYNC = 1000;

const roomUpdate = z.object({
  /** Our own membership by the section the room stood in. */
  membership: z.enum(['join', 'invite', 'knock', 'leave']),
  /** True when the timeline has a gap before it. */
  limited: z._default(z.boolean(), false),
  /** State before the timeline (`state`), for servers without `state_after`. */
  stateBefore: z._default(z.array(eventSchema), []),
  timeline: z._default(z.array(eventSchema), []),
  /** State after the timeline (`state_after`), applied last. */
  stateAfter: z._default(z.array(eventSchema), []),
});

/** Arguments of the operations that bring answers of the server in. */
export const syncArgs = {
  processSync: z.object({
    nextBatch: z.string().check(z.maxLength(4096)),
    toDevice: z._default(z.array(z.unknown()).check(z.maxLength(MAX_TO_DEVICE_PER_SYNC)), []),
    deviceLists: z._default(
      z.object({ changed: z._default(z.array(z.string()), []), left: z._default(z.array(z.string()), []) }),
      { changed: [], left: [] },
    ),
    /** `device_one_time_keys_count`; absent means unchanged. */
    oneTimeKeysCount: z.optional(z.record(z.string(), z.number())),
    /** `device_unused_fallback_key_types`; absent when the server does not support fallback keys. */
    unusedFallbackKeyTypes: z.optional(z.array(z.string())),
    /** Global account data events of this sync. */
    accountData: z._default(z.array(eventSchema), []),
    rooms: z._default(z.record(z.string(), roomUpdate), {}),
  }),
  requestDone: z.object({ id: opaqueId, response: z.unknown() }),
  requestFailed: z.object({
    id: opaqueId,
    /** HTTP status, 0 for no answer. */
    status: z.number().check(z.int()),
    errcode: z.optional(z.string().check(z.maxLength(255))),
    body: z.optional(z.unknown()),
  }),
  /** All requests not yet reported done, for a page that just loaded. */
  pendingRequests: z.object({}),
} as const;

export type SyncInput = z.output<(typeof syncArgs)['processSync']>;
export type RoomUpdate = z.output<typeof roomUpdate>;

/** A request for the page to perform. `auth: 'interactive'` may need user-interactive authentication stages. */
export type OutgoingRequest = {
  readonly id: string;
  readonly kind:
    | 'keysUpload'
    | 'keysQuery'
    | 'keysClaim'
    | 'toDevice'
    | 'signatures'
    | 'deviceSigning'
    | 'accountData'
    | 'accountDataGet'
    | 'backup'
    | 'backupGet'
    | 'members'
    | 'memberState';
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly auth: 'token' | 'interactive';
};

/** Their results. */
export type SyncResults = {
  processSync: { readonly nextBatch: string };
  requestDone: Record<string, never>;
  requestFailed: Record<string, never>;
  pendingRequests: { readonly requests: readonly OutgoingRequest[] };
};
