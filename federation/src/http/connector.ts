import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { buildConnector } from 'undici';
import { FederationError } from './errors.ts';
import type { Dns } from './srv.ts';
import type { AddressPolicy } from './ssrf-guard.ts';

/** What every outgoing connection obeys. */
export type ConnectionRules = {
  readonly dns: Dns;
  readonly policy: AddressPolicy;
  /** Certificates (PEM) of authorities trusted besides the public ones. */
  readonly extraCa?: readonly string[];
  /** For TCP and TLS together. */
  readonly connectTimeoutMs?: number;
};

/**
 * The look-up of a connection: the address that was checked is the address that is connected to, so a name that
 * answers differently the second time (DNS rebinding) gains nothing.
 */
export function guardedLookup(rules: ConnectionRules): LookupFunction {
  return (hostname, options, callback) => {
    rules.dns.addresses(hostname).then(
      (found) => {
        const permitted = found.filter((address) => rules.policy.permits(address));
        const [first] = permitted;
        if (first === undefined) {
          const reason =
            found.length === 0 ? 'the name has no address' : 'its addresses are on the deny-list';
          const code = found.length === 0 ? 'UNREACHABLE' : 'ADDRESS_DENIED';
          callback(new FederationError(code, hostname, reason), '');
        } else if (options.all === true) {
          callback(
            null,
            permitted.map((address) => ({ address, family: isIP(address) })),
          );
        } else callback(null, first, isIP(first));
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), ''),
    );
  };
}

/** Throws ADDRESS_DENIED for an IP literal that the policy does not permit: sockets do not look those up. */
export function checkLiteral(rules: ConnectionRules, host: string): void {
  if (isIP(host) !== 0 && !rules.policy.permits(host))
    throw new FederationError('ADDRESS_DENIED', host, 'the address is on the deny-list');
}

/**
 * An undici connector under the rules.
 *
 * @param tlsName name for SNI and for the certificate; an IP address sends no SNI (RFC 6066)
 */
export function guardedConnector(rules: ConnectionRules, tlsName: string): buildConnector.connector {
  const servername = isIP(tlsName) === 0 ? tlsName : '';
  const connect = buildConnector({
    lookup: guardedLookup(rules),
    timeout: rules.connectTimeoutMs ?? 10_000,
    ...(rules.extraCa === undefined ? {} : { ca: [...rootCertificates, ...rules.extraCa] }),
  });
  return (options, callback) => {
    // The address is looked at here, as the parser of URLs left it: to it the name 2130706433, or 0x7f.1, is 127.0.0.1,
    // and a socket does not look up an address.
    try {
      checkLiteral(rules, options.hostname.replace(/^\[|\]$/g, ''));
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)), null);
      return;
    }
    // Left alone, undici takes the name from the Host header of the request that happens to open the connection.
    connect({ ...options, servername }, callback);
  };
}
