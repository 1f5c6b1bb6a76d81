import { isIPv4, isIPv6 } from 'node:net';

/** A server name taken apart (Appendices, "server name"). */
export type ServerAddress = {
  /** Host name or IP address; an IPv6 address without its brackets. */
  readonly host: string;
  readonly isIp: boolean;
  /** The explicit port, if the name has one. */
  readonly port: number | undefined;
};

const SERVER_NAME = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9A-Za-z.-]{1,255}))(?::(\d{1,5}))?$/;
/** The longest name the grammar allows: 255 for the host, a colon, five for the port. */
const MAX_NAME = 261;

/** Parses `host`, `host:port`, `1.2.3.4:port`, `[::1]:port`; undefined where the grammar is not met. */
export function parseServerAddress(name: string): ServerAddress | undefined {
  if (name.length > MAX_NAME) return undefined;
  const match = SERVER_NAME.exec(name);
  if (match === null) return undefined;
  const [, ipv6, host = '', digits] = match;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  if (ipv6 !== undefined) return isIPv6(ipv6) ? { host: ipv6, isIp: true, port } : undefined;
  return { host, isIp: isIPv4(host), port };
}

/** The name as a URL or a Host header writes it: IPv6 addresses in brackets, the port only when given. */
export function formatHost(host: string, port?: number): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}
