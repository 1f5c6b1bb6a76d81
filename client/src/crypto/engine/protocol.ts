/**
 * The typed message protocol between the page and the crypto worker.
 *
 * The page posts `{id, op, args}` and gets `{id, ok, result | error}` back; the worker also posts `{notice}` when
 * something changed. Arguments are parsed with zod on arrival: a message that does not fit is answered with
 * `BAD_MESSAGE` and changes nothing. No message ever carries a private key to the page; the exceptions are the
 * recovery words and the recovery key, which exist to be shown.
 *
 * The engine does no network of its own. Whatever it needs from the homeserver comes as `OutgoingRequest`s in a
 * `requests` notice; the page performs each (same method, path, body, in any order) and reports `requestDone` or
 * `requestFailed`. Requests are repeated after a restart until they are reported done, with the same id and path, so
 * performing one twice is harmless. Paths are relative to the homeserver's base URL.
 */
import * as z from 'zod/mini';
import { LOCAL_COLLECTIONS, type LocalEntry } from '../../vault/local-records.ts';
import { eventSchema, roomIdSchema, userIdSchema, type DecryptResult, type MatrixEvent } from './events.ts';

const deviceId = z.string().check(z.minLength(1), z.maxLength(255));
const text = z.string().check(z.maxLength(4096));
const passphrase = z.string().check(z.minLength(1), z.maxLength(1024));
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const content = z.record(z.string(), z.unknown());
const flowId = z.string().check(z.minLength(1), z.maxLength(255));
const opaqueId = z.string().check(z.minLength(1), z.maxLength(255));

/** Most decryptions asked for in one message; the page pages its timeline anyway. */
export const MAX_EVENTS_PER_DECRYPT = 500;
/** Most to-device events handed over in one sync; larger batches are split by the page. */
export const MAX_TO_DEVICE_PER_SYNC = 1000;

/** Most entries of one `localPut`, keys of one `localGet`, entries of one page. */
export const MAX_LOCAL_KEYS = 500;
const collection = z.enum(LOCAL_COLLECTIONS);
const localKey = z.string().check(z.minLength(1), z.maxLength(1024));
const localKeys = z.array(localKey).check(z.maxLength(MAX_LOCAL_KEYS));

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

const attachmentInfo = z.object({
  name: z.optional(text),
  mimetype: z.optional(z.string().check(z.maxLength(255))),
});

/** How an attachment is described inside an encrypted event; opaque to the page beyond `url`. */
export const encryptedFileSchema = z.object({
  v: z.literal('chat.nyx.file.v1'),
  url: z.string().check(z.maxLength(1024)),
  key: z.string().check(z.length(43)),
  nonce: z.string().check(z.length(22)),
  chunk: z.number().check(z.int(), z.minimum(1024), z.maximum(1_048_576)),
  size: z.number().check(z.int(), z.minimum(0)),
  sha256: z.string().check(z.length(43)),
});
export type EncryptedFile = z.infer<typeof encryptedFileSchema>;

/** Arguments of each operation. */
export const engineArgs = {
  // --- vault ---------------------------------------------------------------------------------------------------
  /** Whether a vault exists, is open, and whether this tab leads. Never fails. */
  status: z.object({}),
  /** Makes a vault and this device's keys. Answers with the words unless `words` restores an existing account. */
  createVault: z.object({
    userId: userIdSchema,
    deviceId,
    passphrase,
    words: z.optional(z.array(z.string().check(z.maxLength(32))).check(z.length(24))),
    /** The account's other device will hand over everything by QR code: no words are made. */
    linking: z._default(z.boolean(), false),
  }),
  unlock: z.object({ passphrase }),
  /** Opens the vault with the recovery words and sets a new passphrase. */
  unlockWithWords: z.object({
    words: z.array(z.string().check(z.maxLength(32))).check(z.length(24)),
    passphrase,
  }),
  lock: z.object({}),
  changePassphrase: z.object({ passphrase, next: passphrase }),
  /** The words again, only until `confirmWords`; afterwards they are gone from this device. */
  recoveryWords: z.object({}),
  confirmWords: z.object({ words: z.array(z.string().check(z.maxLength(32))).check(z.length(24)) }),
  /** Erases everything on this device (log-out). */
  destroyVault: z.object({}),

  // --- identity ------------------------------------------------------------------------------------------------
  identityStatus: z.object({}),
  /** Creates cross-signing keys, secret storage and the key backup. Emits an `interactiveAuth` request. */
  bootstrapIdentity: z.object({}),
  /**
   * Fetches cross-signing secrets and epoch keys with the recovery words (a new device without the old one), or with
   * the recovery key of an account whose secret storage another Matrix client made. One of the two.
   */
  restoreIdentity: z.union([
    z.object({ words: z.array(z.string().check(z.maxLength(32))).check(z.length(24)) }),
    z.object({ recoveryKey: z.string().check(z.maxLength(256)) }),
  ]),
  /** The key of secret storage in Matrix's form, for other clients of this account. Shown, like the words. */
  recoveryKey: z.object({}),
  userIdentity: z.object({ userId: userIdSchema }),
  /** The user saw the warning about a changed master key and accepts the new one (as pinned, not verified). */
  acceptIdentityChange: z.object({ userId: userIdSchema, masterKey: z.string().check(z.maxLength(64)) }),
  /**
   * Content to merge into an `m.room.member` event that the user asked for (invite, join, kick), sent with
   * `PUT /rooms/{roomId}/state/m.room.member/{target}`. An unsigned invitation lets nobody into an invite-only room's
   * keys, so create rooms without `invite` and invite afterwards. Our own join is signed by the engine itself if it
   * finds it unsigned.
   */
  signMembership: z.object({
    roomId: roomIdSchema,
    membership: z.enum(['invite', 'join', 'leave', 'ban']),
    target: userIdSchema,
  }),

  /**
   * The user confirms that a member the banner lists as `unsigned` really was invited: our signature goes into our own
   * member event. Never call it without asking the user: it is what keeps invented members out.
   */
  vouchMember: z.object({ roomId: roomIdSchema, target: userIdSchema }),

  // --- sync and requests ---------------------------------------------------------------------------------------
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

  // --- messages ------------------------------------------------------------------------------------------------
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

  // --- verification and linking --------------------------------------------------------------------------------
  startVerification: z.object({ userId: userIdSchema, deviceId: z.optional(deviceId) }),
  acceptVerification: z.object({ flowId }),
  /** Begins emoji comparison in a flow both sides agreed to. */
  startEmoji: z.object({ flowId }),
  confirmEmoji: z.object({ flowId, match: z.boolean() }),
  /** Payload of our QR code for this flow. */
  showQr: z.object({ flowId }),
  scanQr: z.object({ flowId: z.optional(flowId), payload: bytes }),
  /** The user saw that the other side scanned our code. */
  confirmScanned: z.object({ flowId }),
  cancelVerification: z.object({ flowId }),
  /** New device: the payload to show as a QR code to an old one. */
  startLinking: z.object({}),
  /** Old device: the payload it scanned. The user has confirmed that they mean to link. */
  approveLinking: z.object({ payload: bytes }),

  // --- the page's own data, sealed ------------------------------------------------------------------------------
  /**
   * Writes and removes entries of a collection in one commit: drafts, unsent messages, the search index. Keys and
   * values are sealed in the vault's database; values are JSON of at most 1 MiB. `outbox` has reached the disk when
   * this resolves. @throws VAULT_LOCKED, VALUE_TOO_LARGE, BAD_MESSAGE (no JSON)
   */
  localPut: z.object({
    collection,
    put: z._default(
      z.array(z.object({ key: localKey, value: z.unknown() })).check(z.maxLength(MAX_LOCAL_KEYS)),
      [],
    ),
    remove: z._default(localKeys, []),
  }),
  /** Those of `keys` that exist. */
  localGet: z.object({ collection, keys: localKeys }),
  /** A page of a collection, in an order that means nothing. `after` is the `next` of the page before. */
  localList: z.object({
    collection,
    after: z.optional(z.string().check(z.maxLength(64))),
    limit: z._default(z.number().check(z.int(), z.minimum(1), z.maximum(MAX_LOCAL_KEYS)), MAX_LOCAL_KEYS),
  }),
  /** Removes every entry of a collection. */
  localClear: z.object({ collection }),

  // --- attachments ---------------------------------------------------------------------------------------------
  /** `progressId` names the notices. The answer's `file` goes into the event once `url` is filled in. */
  encryptAttachment: z.object({
    data: bytes,
    info: z._default(attachmentInfo, {}),
    progressId: z.optional(opaqueId),
  }),
  decryptAttachment: z.object({ data: bytes, file: encryptedFileSchema, progressId: z.optional(opaqueId) }),
} as const;

export type EngineOp = keyof typeof engineArgs;
/** What the caller may leave out is optional here (schema input side). */
export type EngineArgs<Op extends EngineOp> = z.input<(typeof engineArgs)[Op]>;
export type ParsedArgs<Op extends EngineOp> = z.output<(typeof engineArgs)[Op]>;
export type SyncInput = ParsedArgs<'processSync'>;
export type RoomUpdate = z.output<typeof roomUpdate>;

export type VaultState = 'none' | 'locked' | 'open';
export type EngineStatus = {
  readonly vault: VaultState;
  /** False: another tab owns the engine and this one speaks through it. */
  readonly leader: boolean;
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
  /** True: this profile was restored from an older copy; log in again to get a new device (e2ee.md section 1). */
  readonly rolledBack: boolean;
  /** The recovery words have not been confirmed yet. */
  readonly wordsPending: boolean;
};

export type Trust =
  /** No master key seen. */
  | 'unknown'
  /** Master key pinned on first use. */
  | 'pinned'
  /** Compared by emoji or QR. */
  | 'verified'
  /** The server now shows another master key than the pinned one: no keys go out until the user decides. */
  | 'changed';

export type IdentityStatus = {
  /** `none`: bootstrap; `locked`: restore with words or link; `ready`: this device holds the private keys. */
  readonly crossSigning: 'none' | 'locked' | 'ready';
  /** This device is signed by our own self-signing key: others give keys only to signed devices. */
  readonly deviceSigned: boolean;
  readonly backup: 'none' | 'active' | 'locked';
  readonly masterKey: string | undefined;
};

export type DeviceInfo = {
  readonly deviceId: string;
  readonly ed25519: string;
  readonly displayName: string | undefined;
  /** Signed by the owner's self-signing key, which is signed by the pinned master key. */
  readonly crossSigned: boolean;
  /** Announces our algorithms, so it can read our messages. */
  readonly capable: boolean;
};

export type UserIdentity = {
  readonly userId: string;
  readonly trust: Trust;
  readonly masterKey: string | undefined;
  /** The key the server shows instead, when trust is `changed`. */
  readonly offeredMasterKey: string | undefined;
  readonly devices: readonly DeviceInfo[];
};

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

export type VerificationState = {
  readonly flowId: string;
  readonly userId: string;
  readonly deviceId: string | undefined;
  readonly incoming: boolean;
  readonly phase:
    | 'requested'
    | 'ready'
    | 'emoji-wait'
    | 'emoji-compare'
    | 'qr-shown'
    | 'qr-scanned'
    | 'waiting'
    | 'done'
    | 'cancelled';
  /** Seven pairs in phase `emoji-compare`: index into the spec's table, the emoji and its English name. */
  readonly emoji?: readonly { readonly number: number; readonly emoji: string; readonly name: string }[];
  readonly canShowQr: boolean;
  readonly canScanQr: boolean;
  /** Why it ended, in phase `cancelled`: an `m.*` code of the spec. */
  readonly code?: string;
};

export type LinkingState = {
  readonly phase: 'showing' | 'found' | 'receiving' | 'done' | 'failed';
  readonly code?: string;
};

/** Result of each operation. */
export type EngineResults = {
  status: EngineStatus;
  createVault: { readonly words: readonly string[] | undefined };
  unlock: { readonly status: EngineStatus };
  unlockWithWords: { readonly status: EngineStatus };
  lock: Record<string, never>;
  changePassphrase: Record<string, never>;
  recoveryWords: { readonly words: readonly string[] | undefined };
  confirmWords: { readonly match: boolean };
  destroyVault: Record<string, never>;
  identityStatus: IdentityStatus;
  bootstrapIdentity: Record<string, never>;
  restoreIdentity: { readonly status: IdentityStatus };
  recoveryKey: { readonly recoveryKey: string | undefined };
  userIdentity: UserIdentity;
  acceptIdentityChange: UserIdentity;
  signMembership: { readonly content: Readonly<Record<string, unknown>> };
  vouchMember: Record<string, never>;
  processSync: { readonly nextBatch: string };
  requestDone: Record<string, never>;
  requestFailed: Record<string, never>;
  pendingRequests: { readonly requests: readonly OutgoingRequest[] };
  roomStatus: RoomStatus;
  prepareRoom: RoomStatus;
  encryptEvent: EncryptedEvent;
  eventSent: Record<string, never>;
  eventStale: Record<string, never>;
  decryptEvents: { readonly results: readonly DecryptResult[] };
  askForKey: Record<string, never>;
  startVerification: VerificationState;
  acceptVerification: VerificationState;
  startEmoji: VerificationState;
  confirmEmoji: VerificationState;
  showQr: { readonly payload: Uint8Array };
  scanQr: VerificationState;
  confirmScanned: VerificationState;
  cancelVerification: VerificationState;
  startLinking: { readonly payload: Uint8Array };
  approveLinking: LinkingState;
  localPut: Record<string, never>;
  localGet: { readonly entries: readonly LocalEntry[] };
  localList: { readonly entries: readonly LocalEntry[]; readonly next?: string };
  localClear: Record<string, never>;
  encryptAttachment: { readonly data: Uint8Array; readonly file: Omit<EncryptedFile, 'url'> };
  decryptAttachment: { readonly data: Uint8Array };
};

/** Change notifications, unasked. */
export type EngineNotice =
  | { readonly kind: 'status'; readonly status: EngineStatus }
  | { readonly kind: 'requests'; readonly requests: readonly OutgoingRequest[] }
  /** Keys came: decrypt these events again (ids of events that were answered `waiting`). */
  | { readonly kind: 'keysArrived'; readonly roomId: string; readonly eventIds: readonly string[] }
  /** A waiting event's state changed (refused, lost, "ask the sender"). */
  | {
      readonly kind: 'eventState';
      readonly roomId: string;
      readonly eventId: string;
      readonly result: DecryptResult;
    }
  /** Room status may differ: ask again. */
  | { readonly kind: 'roomChanged'; readonly roomId: string }
  | { readonly kind: 'userChanged'; readonly userId: string; readonly trust: Trust }
  | { readonly kind: 'identityStatus'; readonly status: IdentityStatus }
  | { readonly kind: 'verification'; readonly state: VerificationState }
  | { readonly kind: 'linking'; readonly state: LinkingState }
  | { readonly kind: 'progress'; readonly progressId: string; readonly done: number; readonly total: number }
  | { readonly kind: 'restoreProgress'; readonly done: number; readonly total: number };

/** Stable error codes of answers. */
export type EngineErrorCode =
  | 'BAD_MESSAGE'
  | 'VAULT_MISSING'
  | 'VAULT_EXISTS'
  | 'VAULT_LOCKED'
  | 'WRONG_PASSPHRASE'
  | 'WRONG_WORDS'
  | 'VAULT_DAMAGED'
  | 'ROLLED_BACK'
  | 'NOT_ENCRYPTED_ROOM'
  | 'UNSUPPORTED_ALGORITHM'
  | 'NOT_JOINED'
  | 'IDENTITY_MISSING'
  | 'UNKNOWN_FLOW'
  | 'WRONG_PHASE'
  | 'BAD_QR'
  | 'BAD_ATTACHMENT'
  | 'EVENT_TOO_LARGE'
  | 'VALUE_TOO_LARGE'
  | 'NETWORK'
  | 'STORE_FAILED'
  | 'INTERNAL';

export type EngineFailure = { readonly code: EngineErrorCode; readonly message: string };

export type ToWorker = {
  [Op in EngineOp]: { readonly id: number; readonly op: Op; readonly args: EngineArgs<Op> };
}[EngineOp];

export type FromWorker =
  | { readonly id: number; readonly ok: true; readonly result: EngineResults[EngineOp] }
  | { readonly id: number; readonly ok: false; readonly error: EngineFailure }
  | { readonly notice: EngineNotice };

export const toWorkerSchema = z.object({
  id: z.number().check(z.int(), z.nonnegative()),
  op: z.enum(Object.keys(engineArgs) as [EngineOp, ...EngineOp[]]),
  args: z.unknown(),
});

/** What both the worker client and the Node host offer. */
export interface EngineClient {
  call<Op extends EngineOp>(op: Op, args: EngineArgs<Op>): Promise<EngineResults[Op]>;
  /** Returns the function that unsubscribes. */
  onNotice(listener: (notice: EngineNotice) => void): () => void;
  close(): Promise<void>;
}

export type { DecryptResult, MatrixEvent };
