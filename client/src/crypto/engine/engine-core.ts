/**
 * The engine without I/O: an open vault, the device's keys, and operations that are run one at a time. Each runs over
 * a transaction of the vault; its writes are committed before its result, its notices and its requests get out.
 */
import { ChainCache } from '../group/sender-chain.ts';
import type { LocalDevice } from '../pairwise/device.ts';
import { toHex } from '../primitives/bytes.ts';
import type { Random } from '../primitives/random.ts';
import { nextProfiles } from '../profiles/hand-out.ts';
import { wipeAll } from '../primitives/secret.ts';
import type { Vault } from '../../vault/vault.ts';
import { nextHealing } from './healing.ts';
import { nextLinkEnd } from './linking.ts';
import type { Memory, Op } from './op.ts';
import type { EngineNotice } from './protocol/notices.ts';
import type { OutgoingRequest } from './protocol/sync.ts';
import { allRequests, isBackedOff } from './requests.ts';
import { countAdvance, mayLeave, nextMark } from './store-epoch.ts';
import { maintain } from './sync-in.ts';
import { nextFlowEnd } from './verification.ts';

/** The wait is over and the request was announced again. */
const TRIED_AGAIN = -1;

/** Requests that may leave: ciphertexts for devices wait until this vault is known to be the newest copy. */
const leaving = (op: Op): OutgoingRequest[] =>
  allRequests(op).filter(({ kind }) => kind !== 'toDevice' || mayLeave(op));

/** What one operation gave: to be released after the commit, in this order. */
export type Outcome<T> = {
  readonly result: T;
  readonly notices: readonly EngineNotice[];
};

export class EngineCore {
  readonly vault: Vault;
  readonly self: LocalDevice;
  readonly #random: Random;
  readonly #memory: Memory;
  readonly #announced = new Set<string>();
  /** Set when a commit failed: what is in memory may be ahead of the store, so nothing more may happen. */
  #broken = false;

  constructor(vault: Vault, self: LocalDevice, random: Random) {
    this.vault = vault;
    this.self = self;
    this.#random = random;
    this.#memory = {
      boot: toHex(random(8)),
      chains: new ChainCache(),
      inFlight: new Map(),
      nextRequest: 1,
      backoff: new Map(),
      wantClaim: new Set(),
      standardClaims: false,
      foreignBackup: false,
      wantMembers: new Set(),
      flows: new Map(),
      storeCheck: 'unchecked',
      storeMarkedAt: undefined,
      sought: new Map(),
      awaitingDevices: new Map(),
    };
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** This profile was restored from an older copy. */
  get rolledBack(): boolean {
    return this.#memory.storeCheck === 'rolled-back';
  }

  /** Runs one operation and commits it. When `use` throws, nothing has changed; when the commit fails, all is over. */
  async run<T>(now: number, use: (op: Op) => T): Promise<Outcome<T>> {
    const tx = this.vault.begin();
    const notices: EngineNotice[] = [];
    const op: Op = {
      ...{ now, tx, notices, random: this.#random, self: this.self },
      ...{ memory: this.#memory, retired: [] },
    };
    const result = use(op);
    maintain(op);
    countAdvance(op);
    const requests = this.#newRequests(op);
    try {
      await this.vault.commit(tx);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    wipeAll(op.retired);
    if (requests.length > 0) notices.push({ kind: 'requests', requests });
    return { result, notices };
  }

  /** Every request not reported done. */
  requests(now: number): readonly OutgoingRequest[] {
    return leaving(this.#peek(now));
  }

  /** When `run` should be called next even if nothing arrives (ms), or undefined. */
  nextWake(now: number): number | undefined {
    const times = [...this.#memory.backoff.values()].map(({ until }) => until).filter((until) => until > now);
    const op = this.#peek(now);
    for (const next of [nextHealing(op), nextFlowEnd(op), nextLinkEnd(op), nextMark(op), nextProfiles(op)])
      if (next !== undefined) times.push(Math.max(next, now));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Reads without changing anything. */
  #peek(now: number): Op {
    const tx = this.vault.begin();
    return { now, tx, notices: [], random: this.#random, self: this.self, memory: this.#memory, retired: [] };
  }

  /** Requests the page has not heard of, or whose turn to be tried again has come. */
  #newRequests(op: Op): OutgoingRequest[] {
    const all = leaving(op);
    const ids = new Set(all.map(({ id }) => id));
    for (const id of this.#announced) if (!ids.has(id)) this.#announced.delete(id);
    for (const { id } of all) {
      const failed = op.memory.backoff.get(id);
      if (failed === undefined || failed.until === TRIED_AGAIN || failed.until > op.now) continue;
      op.memory.backoff.set(id, { ...failed, until: TRIED_AGAIN });
      this.#announced.delete(id);
    }
    const fresh = all.filter(({ id }) => !this.#announced.has(id) && !isBackedOff(op, id));
    for (const { id } of fresh) this.#announced.add(id);
    return fresh;
  }

  close(): void {
    this.#memory.chains.dropWhere('');
    this.#memory.linking?.secret.wipe();
    wipeAll([this.self.ed25519.secret, this.self.x25519.secret]);
    this.vault.close();
  }
}
