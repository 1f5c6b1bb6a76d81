import { readFileSync } from 'node:fs';
import { createKeySource } from '@nyx/federation/http/key-source.ts';
import { PeerApi } from '@nyx/federation/http/peer-api.ts';
import { FederationTransport } from '@nyx/federation/http/transport.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { KeyRing } from '@nyx/federation/signing/key-ring.ts';
import { publishServerKeys, type ServerKey } from '@nyx/federation/signing/server-keys.ts';
import { buildXMatrix } from '@nyx/federation/signing/x-matrix.ts';
import { isKeyId } from '@nyx/federation/spec/identifiers/key-id.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { LRUCache } from 'lru-cache';
import { randomToken } from '../domain/ids.ts';
import { matchesGlob } from '../domain/federation/server-acl.ts';
import { FederatedProfiles } from '../domain/federation/remote-lookups.ts';
import { RequestVerifier } from '../domain/federation/verify-request.ts';
import { DELIVER } from '../jobs/federation/deliver.ts';
import type { FederationAuthenticator } from '../ports/federation-authenticator.ts';
import { MongoInbound } from '../storage/mongo/federation/mongo-inbound.ts';
import { MongoOutbound } from '../storage/mongo/federation/mongo-outbound.ts';
import { MongoServerKeys } from '../storage/mongo/federation/mongo-server-keys.ts';
import type { Foundation } from './foundation.ts';
import { signerOf } from './signer.ts';

/** The way to other servers, and what is known of them. Made before the rooms, which need it. */
export type Peers = {
  readonly transport: FederationTransport;
  readonly api: PeerApi;
  readonly keys: KeyRing;
  readonly keyStore: MongoServerKeys;
  readonly outbound: MongoOutbound;
  readonly inbound: MongoInbound;
  readonly authenticator: FederationAuthenticator;
  /** Whether the operator lets us talk to a server. */
  readonly allows: (server: ServerName) => boolean;
  /** Lets the queues of servers be worked off soon. */
  readonly wake: (destinations: readonly ServerName[]) => Promise<void>;
  /** What `GET /_matrix/key/v2/server` answers. */
  readonly publish: () => JsonObject;
};

/** Our keys are good for a day in the eyes of others, who then ask again. */
const KEY_VALIDITY_MS = 86_400_000;
/** How often a server that speaks to us is looked up among those held back. */
const WAKE_INTERVAL_MS = 5_000;
const ID_LENGTH = 24;

/** Randomness as fractions in [0, 1), for backoff and the order of targets. */
export const fractions = ({ platform }: Foundation) => {
  const bytes = () => Buffer.from(platform.random.bytes(4)).readUInt32BE();
  return () => bytes() / 2 ** 32;
};

const allowed = (foundation: Foundation) => {
  const { allowServers, denyServers } = foundation.config.federation;
  const own = foundation.config.server.name;
  return (server: ServerName): boolean => {
    if (server === own) return false;
    const matches = (pattern: string) => matchesGlob(server.toLowerCase(), pattern.toLowerCase());
    return !denyServers.some(matches) && (allowServers?.some(matches) ?? true);
  };
};

const ownKeys = (foundation: Foundation, server: ServerName): ServerKey[] => {
  const { current, old } = foundation.platform.signingKeys;
  const retired = old.flatMap(({ keyId, publicKey, expiredAt }): ServerKey[] =>
    isKeyId(keyId) ? [{ server, keyId, publicKey, validUntil: expiredAt, retired: true }] : [],
  );
  const { keyId, publicKey } = current;
  return [{ server, keyId, publicKey, validUntil: Number.MAX_SAFE_INTEGER, retired: false }, ...retired];
};

/** Opens the way to other servers. */
export const wirePeers = (foundation: Foundation): Peers => {
  const { config, platform, db, relay, resources } = foundation;
  const { clock, signingKeys } = platform;
  const { federation } = config;
  const signer = signerOf(config, platform);
  const random = fractions(foundation);
  const transport = resources.use(
    new FederationTransport({
      sign: (request) => buildXMatrix(signer, request),
      userAgent: 'Nyx',
      now: () => clock.now(),
      random,
      connectTimeoutMs: federation.connectTimeout,
      bounds: { timeoutMs: federation.requestTimeout, responseBytes: federation.maxResponse },
      addresses: federation.allowPrivateAddresses ? { deny: [] } : {},
      ...(federation.extraCa === undefined ? {} : { extraCa: [readFileSync(federation.extraCa, 'utf8')] }),
    }),
  );
  const api = new PeerApi(transport.client);
  const keyStore = new MongoServerKeys(db);
  const keys = new KeyRing({
    source: createKeySource(transport.client),
    store: keyStore,
    notaries: federation.trustedKeyServers.filter(isServerName).map((server) => ({ server })),
    own: ownKeys(foundation, signer.server),
    now: () => clock.now(),
    random,
  });
  const outbound = new MongoOutbound(db, clock);
  const wake = async (destinations: readonly ServerName[]) =>
    relay.enqueue(
      destinations.map((destination) => ({ name: DELIVER, payload: { destination }, key: destination })),
    );
  const recent = new LRUCache<ServerName, true>({ max: 10_000, ttl: WAKE_INTERVAL_MS });
  const spoke = async (server: ServerName) => {
    transport.health.succeeded(server);
    if (recent.has(server)) return;
    recent.set(server, true);
    if (!(await outbound.wake(server))) return;
    // A key of its own: the retry that waits, perhaps for hours, must not stand in the way.
    const key = `${server} now`;
    await relay.enqueue([{ name: DELIVER, payload: { destination: server }, key }]);
  };
  const allows = allowed(foundation);
  const authenticator = new RequestVerifier({
    server: signer.server,
    keys,
    clock,
    allows,
    onSpoke: (server) => {
      spoke(server).catch((error: unknown) =>
        platform.logger.warn({ err: error, server }, 'could not wake a server'),
      );
    },
  });
  const retired = signingKeys.old.flatMap(({ keyId, publicKey, expiredAt }) =>
    isKeyId(keyId) ? [{ keyId, publicKey, expiredAt }] : [],
  );
  return {
    transport,
    api,
    keys,
    keyStore,
    outbound,
    inbound: new MongoInbound(db, clock),
    authenticator,
    allows,
    wake,
    publish: () => publishServerKeys(signer, clock.now() + KEY_VALIDITY_MS, retired),
  };
};

/** A name for a lease or a transaction. */
export const newIds =
  ({ platform }: Foundation) =>
  () =>
    randomToken(platform.random, ID_LENGTH);

/** Leases carry who holds them: those of a process that was killed are free at the next start. */
const OWNER = /^(?<space>\S+) (?<process>\S+) \S+$/;

/** Names for leases of this process. */
export const leaseNames = (foundation: Foundation) => {
  const { processSpace, processName } = foundation.platform;
  const next = newIds(foundation);
  return () => `${encodeURIComponent(processSpace)} ${encodeURIComponent(processName)} ${next()}`;
};

/** Whether the process that made a lease's name runs no more. Of other machines nothing can be said. */
export const isDeadLease =
  ({ platform }: Foundation) =>
  (owner: string): boolean => {
    const { space = '', process = '' } = OWNER.exec(owner)?.groups ?? {};
    const isHere = space === encodeURIComponent(platform.processSpace);
    return isHere && !platform.isProcessAlive(decodeURIComponent(process));
  };

/** What accounts learn from other servers. */
export const remoteLinks = ({ api }: Peers) => ({ remoteProfiles: new FederatedProfiles(api) });
