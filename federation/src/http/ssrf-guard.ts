import type { AddressRange } from './ip-address.ts';
import { addressBytes, embeddedIPv4, inRange, parseRange } from './ip-address.ts';

/**
 * Address ranges that no public server lives in (IANA special-purpose registries, RFC 6890 and its successors): a
 * name that resolves into one of them would make this server talk to its own network for a stranger.
 */
export const DEFAULT_DENIED_RANGES: readonly string[] = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, cloud metadata
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // former 6to4 relay
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
  '::/96', // unspecified, loopback, former IPv4-compatible
  '64:ff9b:1::/48', // local NAT64
  '100::/64', // discard
  '2001::/23', // protocol assignments: Teredo, ORCHID
  '2001:db8::/32', // documentation
  '3fff::/20', // documentation
  '5f00::/16', // segment routing
  'fc00::/7', // unique local
  'fe80::/10', // link-local
  'fec0::/10', // former site-local
  'ff00::/8', // multicast
];

/** Decides which addresses this server may connect to on behalf of others. */
export interface AddressPolicy {
  /** @param address an IP address as DNS or a URL gives it, without brackets */
  permits(address: string): boolean;
}

/**
 * A policy of ranges. What `allow` names is permitted even where `deny` names it too.
 *
 * @throws RangeError for a text that is no range
 */
export function createAddressPolicy(ranges: {
  readonly deny?: readonly string[];
  readonly allow?: readonly string[];
}): AddressPolicy {
  const deny = (ranges.deny ?? DEFAULT_DENIED_RANGES).map(parseRange);
  const allow = (ranges.allow ?? []).map(parseRange);
  return {
    permits(address) {
      const bytes = addressBytes(address);
      if (bytes === undefined) return false;
      const inner = embeddedIPv4(bytes);
      const matches = (list: readonly AddressRange[], candidate: Uint8Array) =>
        list.some((range) => inRange(candidate, range));
      if (matches(allow, bytes) || (inner !== undefined && matches(allow, inner))) return true;
      return !matches(deny, bytes) && (inner === undefined || !matches(deny, inner));
    },
  };
}
