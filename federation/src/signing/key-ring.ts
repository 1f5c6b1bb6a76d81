import { LRUCache } from 'lru-cache';
import type { BackoffPolicy, BackoffState } from '../http/backoff.ts';
import { afterFailure, mayTry } from '../http/backoff.ts';
import { MAX_REMEMBERED_SERVERS } from '../http/limits.ts';
import type { JsonObject } from '../json/value.ts';
import type { KeyId } from '../spec/identifiers/key-id.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import { VerifyKey } from './keys.ts';
import type { PublishedKeys, ServerKey } from './server-keys.ts';
import { readServerKeys } from './server-keys.ts';
import { verifyJson } from './verify-json.ts';

/** A key that some check needs. */
export type KeyRequest = {
  readonly server: ServerName;
  readonly keyId: KeyId;
  /** Milliseconds since the epoch at which the key must have been valid. */
  readonly at: number;
};

/** How keys are asked for over the network. Both reject when nobody answers. */
export interface KeySource {
  /** `GET /_matrix/key/v2/server` of the server itself. */
  fromServer(server: ServerName): Promise<JsonObject>;
  /** `POST /_matrix/key/v2/query` of a notary: the entries of `server_keys`. */
  fromNotary(notary: ServerName, requests: readonly KeyRequest[]): Promise<readonly JsonObject[]>;
}

/** Where keys outlive the process. */
export interface KeyStore {
  load(servers: readonly ServerName[]): Promise<readonly ServerKey[]>;
  /** Keeps the keys; `json` is the answer they came from, for our own notary's use. */
  save(published: readonly PublishedKeys[]): Promise<void>;
}

/** A server trusted to tell the keys of servers that do not answer themselves, and its own keys. */
export type Notary = {
  readonly server: ServerName;
  /** Its keys when the operator pins them; otherwise they are fetched from it. */
  readonly pinned?: ReadonlyMap<KeyId, string>;
};

/** What a key ring is made of. */
export type KeyRingPorts = {
  readonly source: KeySource;
  readonly store: KeyStore;
  /** Asked in this order for what servers do not tell themselves. */
  readonly notaries: readonly Notary[];
  /** Keys that are known for good and never asked for: this server's own. */
  readonly own?: readonly ServerKey[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
};

/** Keys kept in memory; the store has the rest. */
const MAX_CACHED_KEYS = 50_000;
/** Servers asked at a time for one batch. */
const PARALLEL_FETCHES = 16;
/** Most servers asked for one batch: an event list naming thousands of made-up servers must not send us to all. */
export const MAX_SERVERS_PER_BATCH = 1_000;
/** A server that has not the key asked for is asked again after a minute, one that does not answer ever later. */
const BACKOFF: BackoffPolicy = { firstMs: 60_000, factor: 2, maxMs: 24 * 60 * 60 * 1000, jitter: 0.2 };

const cacheKey = (server: string, keyId: string) => `${server} ${keyId}`;

/**
 * The public keys of other servers: in memory, in the store, from the servers, from notaries, in this order.
 * `fetch` whatever a batch needs, then `lookup` without waiting.
 */
export class KeyRing {
  readonly #ports: KeyRingPorts;
  readonly #keys = new LRUCache<string, ServerKey>({
    max: MAX_CACHED_KEYS,
    // What others crowd out is in the store: its server may be gone for good, and its old events be read still.
    dispose: (key, _name, reason) => {
      if (reason === 'evict') this.#loaded.delete(key.server);
    },
  });
  readonly #loaded = new LRUCache<string, true>({ max: MAX_REMEMBERED_SERVERS });
  readonly #backoff = new LRUCache<string, BackoffState>({ max: MAX_REMEMBERED_SERVERS });
  readonly #running = new Map<ServerName, Promise<boolean>>();
  readonly #own: ReadonlyMap<string, ServerKey>;

  constructor(ports: KeyRingPorts) {
    this.#ports = ports;
    this.#own = new Map((ports.own ?? []).map((key) => [cacheKey(key.server, key.keyId), key]));
  }

  /** A key that was valid at a time (milliseconds since the epoch), if it is at hand. */
  lookup(server: ServerName, keyId: KeyId, at: number): VerifyKey | undefined {
    const known = this.#known(server, keyId);
    if (known === undefined || at > known.validUntil) return undefined;
    return VerifyKey.fromBase64(known.publicKey);
  }

  /** A key whenever it was valid: events of room versions before 5 may be signed with keys long expired. */
  lookupAnyTime(server: ServerName, keyId: KeyId): VerifyKey | undefined {
    const known = this.#known(server, keyId);
    return known && VerifyKey.fromBase64(known.publicKey);
  }

  /** Makes the keys known where that can be done. Never throws for a server's fault: what stays unknown is not found. */
  async fetch(requests: readonly KeyRequest[]): Promise<void> {
    await this.#loadStored(requests);
    const missing = requests.filter((request) => this.#isMissing(request));
    if (missing.length === 0) return;
    const servers = [...new Set(missing.map(({ server }) => server))]
      .filter((server) => mayTry(this.#backoff.get(server), this.#ports.now()))
      .slice(0, MAX_SERVERS_PER_BATCH);
    const answered = new Set<ServerName>();
    await inParallel(servers, PARALLEL_FETCHES, async (server) => {
      if (await this.#fetchDirect(server)) answered.add(server);
    });
    const asked = new Set(servers);
    await this.#askNotaries(missing.filter(({ server }) => asked.has(server)));
    for (const server of servers) {
      const satisfied = !missing.some((request) => request.server === server && this.#isMissing(request));
      if (satisfied) this.#backoff.delete(server);
      else {
        // Of a server that told its keys the wait does not grow: anybody can name a key that it never had, and would
        // keep us from the next one that it has.
        const before = answered.has(server) ? undefined : this.#backoff.get(server);
        this.#backoff.set(server, afterFailure(before, this.#ports.now(), this.#ports.random(), BACKOFF));
      }
    }
  }

  /** The server spoke to us: a key of its own may be asked for at once. */
  reachable(server: ServerName): void {
    this.#backoff.delete(server);
  }

  #known(server: string, keyId: string): ServerKey | undefined {
    const name = cacheKey(server, keyId);
    return this.#own.get(name) ?? this.#keys.get(name);
  }

  #isMissing({ server, keyId, at }: KeyRequest): boolean {
    const known = this.#known(server, keyId);
    return known === undefined || (at > known.validUntil && !known.retired);
  }

  async #loadStored(requests: readonly KeyRequest[]): Promise<void> {
    const servers = new Set(
      requests.filter((request) => this.#isMissing(request)).map(({ server }) => server),
    );
    const unloaded = [...servers].filter((server) => !this.#loaded.has(server));
    if (unloaded.length === 0) return;
    for (const key of await this.#ports.store.load(unloaded)) this.#remember(key);
    for (const server of unloaded) this.#loaded.set(server, true);
  }

  /** Asks a server for its own keys, once however many wait; false when it told none. */
  async #fetchDirect(server: ServerName): Promise<boolean> {
    const running = this.#running.get(server);
    if (running !== undefined) return running;
    const fetching = this.#askServer(server).finally(() => this.#running.delete(server));
    this.#running.set(server, fetching);
    return fetching;
  }

  async #askServer(server: ServerName): Promise<boolean> {
    let json: JsonObject;
    try {
      json = await this.#ports.source.fromServer(server);
    } catch {
      return false;
    }
    const published = readServerKeys(json, server, this.#ports.now());
    if (published === undefined) return false;
    await this.#accept([published], 'server');
    return true;
  }

  async #askNotaries(requests: readonly KeyRequest[]): Promise<void> {
    for (const notary of this.#ports.notaries) {
      const missing = requests.filter(
        (request) => request.server !== notary.server && this.#isMissing(request),
      );
      if (missing.length === 0) return;
      await this.#askNotary(notary, missing);
    }
  }

  async #askNotary(notary: Notary, requests: readonly KeyRequest[]): Promise<void> {
    if (notary.pinned === undefined && !(await this.#knowsKeysOf(notary.server))) return;
    let answers: readonly JsonObject[];
    try {
      answers = await this.#ports.source.fromNotary(notary.server, requests);
    } catch {
      return;
    }
    const now = this.#ports.now();
    const wanted = new Set(requests.map(({ server }) => server));
    const accepted = answers.slice(0, MAX_SERVERS_PER_BATCH).flatMap((json) => {
      const { server_name: name } = json;
      const server = [...wanted].find((candidate) => candidate === name);
      // Both must have signed: the notary vouches that it was told so, the server that it said so.
      if (server === undefined || !this.#signedByNotary(json, notary, now)) return [];
      const published = readServerKeys(json, server, now);
      return published === undefined ? [] : [published];
    });
    await this.#accept(accepted, 'notary');
  }

  async #knowsKeysOf(notary: ServerName): Promise<boolean> {
    const now = this.#ports.now();
    const usable = () =>
      [...this.#keys.values()].some((key) => key.server === notary && key.validUntil >= now);
    return usable() || ((await this.#fetchDirect(notary)) && usable());
  }

  #signedByNotary(json: JsonObject, notary: Notary, now: number): boolean {
    const check = verifyJson(json, notary.server, (keyId) => {
      const pinned = notary.pinned?.get(keyId);
      return pinned === undefined ? this.lookup(notary.server, keyId, now) : VerifyKey.fromBase64(pinned);
    });
    return check.ok;
  }

  async #accept(published: readonly PublishedKeys[], from: 'notary' | 'server'): Promise<void> {
    const accepted = published
      .map((entry) => ({ ...entry, keys: entry.keys.filter((key) => this.#mayReplace(key, from)) }))
      .filter(({ keys }) => keys.length > 0);
    for (const { keys } of accepted) for (const key of keys) this.#remember(key);
    if (accepted.length > 0) await this.#ports.store.save(accepted);
  }

  /** A notary may add keys and prolong them, never exchange one, shorten its life or bring it back from retirement. */
  #mayReplace(key: ServerKey, from: 'notary' | 'server'): boolean {
    if (from === 'server') return true;
    const known = this.#keys.get(cacheKey(key.server, key.keyId));
    if (known === undefined) return true;
    return known.publicKey === key.publicKey && !known.retired && key.validUntil > known.validUntil;
  }

  #remember(key: ServerKey): void {
    this.#keys.set(cacheKey(key.server, key.keyId), key);
  }
}

/** Runs a task for each item, at most `width` at a time. */
async function inParallel<T>(items: readonly T[], width: number, run: (item: T) => Promise<unknown>) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}
