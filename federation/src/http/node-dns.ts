import { lookup, Resolver } from 'node:dns/promises';
import type { Dns } from './srv.ts';

/**
 * DNS by the system: addresses through the resolver of the operating system (so that /etc/hosts counts), SRV records
 * through its name servers. A failing SRV query counts as "no record": discovery goes on to port 8448, where a dead
 * network shows itself anyway.
 *
 * @param timeoutMs for one try of a SRV query
 */
export function createNodeDns(timeoutMs = 5_000): Dns {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  return {
    async srv(name) {
      try {
        return await resolver.resolveSrv(name);
      } catch {
        return [];
      }
    },
    async addresses(host) {
      const found = await lookup(host, { all: true, order: 'verbatim' });
      return found.map(({ address }) => address);
    },
  };
}
