import type { ConnectionRules } from './connector.ts';
import { FederationClient } from './federation-client.ts';
import type { RequestBounds, SignRequest } from './federation-client.ts';
import { createNodeDns } from './node-dns.ts';
import { PeerConnections } from './peer-connections.ts';
import { PeerHealth } from './peer-health.ts';
import type { Route } from './resolve.ts';
import { resolveServer } from './resolve.ts';
import type { Dns } from './srv.ts';
import { createAddressPolicy } from './ssrf-guard.ts';
import { createWellKnownFetch } from './well-known-fetch.ts';
import { WellKnownResolver } from './well-known.ts';

/** What an operator and a test can set of the way to other servers. */
export type TransportOptions = {
  readonly sign: SignRequest;
  /** Value of the User-Agent header. */
  readonly userAgent: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Address ranges denied and allowed; private ones are denied by default. */
  readonly addresses?: { readonly deny?: readonly string[]; readonly allow?: readonly string[] };
  /** PEM certificates of further authorities. */
  readonly extraCa?: readonly string[];
  /** The system's by default. */
  readonly dns?: Dns;
  /** For TCP and TLS together. */
  readonly connectTimeoutMs?: number;
  readonly bounds?: RequestBounds;
};

/** The way to other servers: discovery, connections, health and the client over them. */
export class FederationTransport implements AsyncDisposable {
  readonly client: FederationClient;
  readonly health: PeerHealth;
  readonly rules: ConnectionRules;
  readonly #connections: PeerConnections;
  readonly #resolve: (serverName: string) => Promise<Route>;

  constructor(options: TransportOptions) {
    const dns = options.dns ?? createNodeDns();
    this.rules = {
      dns,
      policy: createAddressPolicy(options.addresses ?? {}),
      ...(options.extraCa === undefined ? {} : { extraCa: options.extraCa }),
      ...(options.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: options.connectTimeoutMs }),
    };
    const wellKnown = new WellKnownResolver(createWellKnownFetch(this.rules), options.now);
    this.#resolve = (serverName) =>
      resolveServer({ dns, wellKnown: (host) => wellKnown.lookup(host), random: options.random }, serverName);
    this.#connections = new PeerConnections(this.rules);
    this.health = new PeerHealth(options.now, options.random);
    this.client = new FederationClient({
      resolve: this.#resolve,
      connections: this.#connections,
      health: this.health,
      sign: options.sign,
      userAgent: options.userAgent,
      ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
    });
  }

  /** How a server is reached at the moment. */
  route(serverName: string): Promise<Route> {
    return this.#resolve(serverName);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }
}
