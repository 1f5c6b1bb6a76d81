/**
 * What one engine operation works with. An operation is synchronous: it reads and changes the vault through its
 * transaction and leaves notices; the host commits the transaction and only then lets anything out. Throwing undoes
 * the operation.
 */
import type { ChainCache } from '../group/sender-chain.ts';
import type { Flow } from '../identity/verification/flow.ts';
import type { LocalDevice } from '../pairwise/device.ts';
import type { Random } from '../primitives/random.ts';
import type { Secret } from '../primitives/secret.ts';
import type { VaultTransaction } from '../../vault/transaction.ts';
import type { Linking } from '../identity/link-code.ts';
import type { InFlight, RestoreMemory, StoreCheck } from './purpose.ts';
import type { EngineNotice } from './protocol/notices.ts';

export type Op = {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly random: Random;
  readonly tx: VaultTransaction;
  readonly self: LocalDevice;
  readonly memory: Memory;
  readonly notices: EngineNotice[];
  /** Wiped once the transaction is committed. */
  readonly retired: Secret[];
};

/** What is kept between operations and lost at the end: hints and caches, never the only copy of anything. */
export type Memory = {
  /** Random name of this run: sending slots of another run get a new salt. */
  readonly boot: string;
  readonly chains: ChainCache;
  /** Requests made from state, by id; those that must survive a crash are in the outbox table instead. */
  readonly inFlight: Map<string, InFlight>;
  nextRequest: number;
  /** Failed requests by subject: not asked again before this time (ms). */
  readonly backoff: Map<string, { readonly until: number; readonly failures: number }>;
  /** Devices wanted for a claim: `user|device`. */
  readonly wantClaim: Set<string>;
  /** The server does not know the combined claim: two standard ones instead. */
  standardClaims: boolean;
  /** A restore under way. */
  restore?: RestoreMemory;
  /** The prekeys' state in which nothing was due, and when that was (clock, ms). */
  prekeysIdle?: { readonly state: object; readonly since: number };
  /** The account's backup was found to be another client's: not looked at again in this run. */
  foreignBackup: boolean;
  /** Rooms whose member list is wanted. */
  readonly wantMembers: Set<string>;
  /** Whether this vault is as new as the server's mark says. */
  storeCheck: StoreCheck;
  /** Clock (ms) when this run last wrote the mark. */
  storeMarkedAt: number | undefined;
  /** A link with another device of ours under way. */
  linking?: Linking;
  /** Verifications under way and lately ended, by transaction id. A restart cancels them. */
  readonly flows: Map<string, Flow>;
  /** Clock (ms) of the last look at a user's devices because of something that they did not explain. */
  readonly sought: Map<string, number>;
  /** Events to decrypt again when a user's devices are known: user -> room -> event ids. */
  readonly awaitingDevices: Map<string, Map<string, Set<string>>>;
};

/** Device key in maps and record names. */
export const deviceName = (userId: string, deviceId: string): string => `${userId}|${deviceId}`;

/** Splits what `deviceName` joined: a user id has no '|' before its server name ends, a device id may. */
export function splitDeviceName(name: string): readonly [string, string] {
  const at = name.indexOf('|');
  return [name.slice(0, at), name.slice(at + 1)];
}
