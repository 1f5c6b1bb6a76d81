/** What requests to the homeserver are about. */
import type { OutgoingRequest } from './protocol/sync.ts';

/** user -> device -> key id -> key object, as `/keys/claim` answers. */
export type ClaimedByUser = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>
>;

/** What an answer is for. */
export type Purpose =
  | { readonly for: 'keysUpload'; readonly oneTime: readonly number[]; readonly signed: number }
  | { readonly for: 'keysQuery'; readonly users: Readonly<Record<string, number>> }
  | {
      readonly for: 'keysClaim';
      readonly devices: readonly string[];
      /** `combined`: our server's one call; elsewhere the one-time keys first, then the signed prekeys. */
      readonly stage: 'combined' | 'oneTime' | 'signed';
      readonly partial: ClaimedByUser;
    }
  | { readonly for: 'fallbackCheck' }
  | { readonly for: 'members'; readonly roomId: string }
  | { readonly for: 'memberState'; readonly roomId: string }
  | { readonly for: 'toDevice'; readonly kid?: string }
  | { readonly for: 'signatures' }
  /** Our signature on another user's master key or another device of ours. */
  | { readonly for: 'vouch'; readonly userId: string }
  | { readonly for: 'deviceSigning' }
  | { readonly for: 'accountData'; readonly type: string }
  | { readonly for: 'accountDataGet'; readonly type: string }
  | { readonly for: 'storeGet' }
  | { readonly for: 'storePut'; readonly counter: number }
  | { readonly for: 'backupVersion' }
  | { readonly for: 'backupCreate' }
  | { readonly for: 'backupPut'; readonly kids: readonly string[] }
  | { readonly for: 'backupGet' };

/** Where the start of this run stands (`store-epoch.ts`). */
export type StoreCheck = 'unchecked' | 'current' | 'rolled-back';

export type InFlight = { readonly request: OutgoingRequest; readonly purpose: Purpose };

/** What a restore has fetched so far; lost with the engine, then it starts over. */
export type RestoreMemory = {
  readonly data: Map<string, unknown>;
  backup: 'wanted' | 'asked' | 'done';
};
