/** Identities: our own, those of others, and signed membership. */
import * as z from 'zod/mini';
import { roomIdSchema, userIdSchema } from '../events.ts';

/** Arguments of the operations on identities. */
export const identityArgs = {
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
  /**
   * The user gives up the backup that another client keeps for this account: ours takes its place, and that client's
   * own recovery stops working. Never call it without asking the user.
   */
  replaceBackup: z.object({}),
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
} as const;

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
  /** `foreign`: another client's backup is in its place; ours is made by `replaceBackup` only. */
  readonly backup: 'none' | 'active' | 'locked' | 'foreign';
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

/** Their results. */
export type IdentityResults = {
  identityStatus: IdentityStatus;
  bootstrapIdentity: Record<string, never>;
  restoreIdentity: { readonly status: IdentityStatus };
  recoveryKey: { readonly recoveryKey: string | undefined };
  replaceBackup: Record<string, never>;
  userIdentity: UserIdentity;
  acceptIdentityChange: UserIdentity;
  signMembership: { readonly content: Readonly<Record<string, unknown>> };
  vouchMember: Record<string, never>;
};
