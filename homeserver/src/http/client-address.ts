import { BlockList, isIP, isIPv6 } from 'node:net';

/** Finds the client's address behind the reverse proxies that the operator trusts. */
export type ClientAddress = (peer: string | undefined, forwardedFor: string | undefined) => string;

const IPV4_MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const MAX_FORWARDED_HOPS = 20;

const normalize = (address: string): string => IPV4_MAPPED.exec(address)?.[1] ?? address;

/** Whether `address` is one of `blocks` (addresses or CIDR blocks). */
export const addressMatcher = (blocks: readonly string[]): ((address: string) => boolean) => {
  const list = new BlockList();
  for (const block of blocks) {
    const [network = '', prefix] = block.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(prefix), family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
};

/**
 * Walks `X-Forwarded-For` from the nearest hop outwards and stops at the first address that is not a trusted proxy, so
 * that a client cannot choose its own address.
 */
export const clientAddress = (trustedProxies: readonly string[]): ClientAddress => {
  if (trustedProxies.length === 0) return (peer) => normalize(peer ?? '');
  const trusted = addressMatcher(trustedProxies);
  return (peer, forwardedFor) => {
    let address = normalize(peer ?? '');
    const hops = (forwardedFor ?? '').split(',').slice(-MAX_FORWARDED_HOPS);
    for (const hop of hops.reverse()) {
      if (!trusted(address)) break;
      const candidate = normalize(hop.trim());
      if (isIP(candidate) === 0) break;
      address = candidate;
    }
    return address;
  };
};
