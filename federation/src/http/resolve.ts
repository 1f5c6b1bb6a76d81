import { FederationError } from './errors.ts';
import { DEFAULT_FEDERATION_PORT } from './limits.ts';
import { formatHost, parseServerAddress } from './server-address.ts';
import type { ServerAddress } from './server-address.ts';
import type { Dns } from './srv.ts';
import { lookupSrv } from './srv.ts';

/** Where to open a connection. */
export type Target = { readonly host: string; readonly port: number };

/** How to reach a server: what to connect to, and what to call it there. */
export type Route = {
  /** In the order in which to try them. */
  readonly targets: readonly Target[];
  /** Value of the Host header. */
  readonly hostHeader: string;
  /** Name the certificate must be valid for; also the SNI, unless it is an IP address. */
  readonly tlsName: string;
};

/** What discovery asks the outside. */
export interface DiscoveryPorts {
  readonly dns: Dns;
  /** The name a host delegates to by well-known, or undefined. */
  readonly wellKnown: (host: string) => Promise<string | undefined>;
  /** In [0, 1): orders SRV targets of the same priority. */
  readonly random: () => number;
}

function direct(address: ServerAddress): Route {
  return {
    targets: [{ host: address.host, port: address.port ?? DEFAULT_FEDERATION_PORT }],
    hostHeader: formatHost(address.host, address.port),
    tlsName: address.host,
  };
}

/** SRV records of a host name, or its port 8448: the Host header and the certificate stay the name itself. */
async function byDns(ports: DiscoveryPorts, host: string): Promise<Route> {
  const records = await lookupSrv(ports.dns, host, ports.random);
  const targets = records.map(({ name, port }) => ({ host: name.replace(/\.$/, ''), port }));
  return {
    targets: targets.length > 0 ? targets : [{ host, port: DEFAULT_FEDERATION_PORT }],
    hostHeader: formatHost(host),
    tlsName: host,
  };
}

/**
 * Finds how to reach a server (Server-Server API, "Server discovery", steps 1 to 6).
 *
 * @throws FederationError BAD_SERVER_NAME; what the ports throw
 */
export async function resolveServer(ports: DiscoveryPorts, serverName: string): Promise<Route> {
  const address = parseServerAddress(serverName);
  if (address === undefined) throw new FederationError('BAD_SERVER_NAME', serverName, 'not a server name');
  // Steps 1 and 2: an IP literal, or a name with a port.
  if (address.isIp || address.port !== undefined) return direct(address);
  // Step 3: delegation.
  const delegatedName = await ports.wellKnown(address.host);
  const delegated = delegatedName === undefined ? undefined : parseServerAddress(delegatedName);
  // Steps 4 to 6: no delegation.
  if (delegated === undefined) return byDns(ports, address.host);
  if (delegated.isIp || delegated.port !== undefined) return direct(delegated);
  return byDns(ports, delegated.host);
}
