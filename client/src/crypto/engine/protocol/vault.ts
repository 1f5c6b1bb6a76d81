/** The vault: making, opening, locking and erasing it. */
import * as z from 'zod/mini';
import { userIdSchema } from '../events.ts';
import { deviceId, passphrase } from './fields.ts';

/** Arguments of the operations on the vault. */
export const vaultArgs = {
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
} as const;

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

/** Their results. */
export type VaultResults = {
  status: EngineStatus;
  createVault: { readonly words: readonly string[] | undefined };
  unlock: { readonly status: EngineStatus };
  unlockWithWords: { readonly status: EngineStatus };
  lock: Record<string, never>;
  changePassphrase: Record<string, never>;
  recoveryWords: { readonly words: readonly string[] | undefined };
  confirmWords: { readonly match: boolean };
  destroyVault: Record<string, never>;
};
