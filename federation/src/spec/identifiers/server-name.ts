import { IdentifierError, type Branded } from './brand.ts';

/** `example.org`, `1.2.3.4:8448`, `[2001:db8::1]:8448`. Case-sensitive (spec: Appendices, Server Name). */
export type ServerName = Branded<'ServerName'>;

/** A server name taken apart; `host` keeps the brackets of an IPv6 literal. */
export type ServerNameParts = {
  readonly host: string;
  readonly port: number | undefined;
  readonly kind: 'ipv4' | 'ipv6' | 'dns';
};

/** Longest host of the grammar (255) + ":" + five digits. */
const MAX_SERVER_NAME_LENGTH = 261;
const SERVER_NAME = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9A-Za-z.-]{1,255}))(?::(\d{1,5}))?$/;
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** Whether `value` follows the grammar of server names; an IPv6 literal must be a real address and a port below 65536. */
export function isServerName(value: unknown): value is ServerName {
  return typeof value === 'string' && matchServerName(value) !== undefined;
}

/** Parses a server name; throws {@link IdentifierError}. */
export function parseServerName(value: unknown): ServerName {
  if (isServerName(value)) return value;
  throw new IdentifierError('server_name');
}

/** Host, port and kind of a server name, as server discovery needs them (spec: Server-Server API, Resolving server names). */
export function serverNameParts(name: ServerName): ServerNameParts {
  const match = matchServerName(name);
  if (!match) throw new IdentifierError('server_name');
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (match[1] !== undefined) return { host: `[${match[1]}]`, port, kind: 'ipv6' };
  const host = match[2] ?? '';
  return { host, port, kind: isIpv4(host) ? 'ipv4' : 'dns' };
}

/** Whether `text` is a dotted quad with parts below 256. */
export function isIpv4(text: string): boolean {
  const match = IPV4.exec(text);
  return match?.slice(1).every((part) => Number(part) <= 255) ?? false;
}

/** Whether `text` is an IPv6 address of RFC 3513 section 2.2, without brackets or zone. */
export function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const head = groupsOf(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '', true) : 0;
  if (head === undefined || tail === undefined) return false;
  return halves.length === 2 ? head + tail <= 7 : head === 8;
}

/** Number of 16-bit groups in a colon-separated run, or undefined when one is malformed. A trailing IPv4 counts two. */
function groupsOf(run: string, mayEndInIpv4: boolean): number | undefined {
  if (run === '') return 0;
  const parts = run.split(':');
  let groups = 0;
  for (const [index, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups += 1;
    else if (mayEndInIpv4 && index === parts.length - 1 && isIpv4(part)) groups += 2;
    else return undefined;
  }
  return groups;
}

function matchServerName(value: string): RegExpExecArray | undefined {
  if (value.length > MAX_SERVER_NAME_LENGTH) return undefined;
  const match = SERVER_NAME.exec(value);
  if (!match) return undefined;
  if (match[1] !== undefined && !isIpv6(match[1])) return undefined;
  if (match[3] !== undefined && Number(match[3]) > 65_535) return undefined;
  return match;
}
