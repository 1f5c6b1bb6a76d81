import { MAX_SRV_TARGETS } from './limits.ts';

/** One SRV record (RFC 2782). */
export type SrvRecord = {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
};

/** The DNS questions that federation asks. A name without such records answers with an empty list, never an error. */
export interface Dns {
  srv(name: string): Promise<readonly SrvRecord[]>;
  /** IPv4 and IPv6 addresses, in the order in which to try them. */
  addresses(host: string): Promise<readonly string[]>;
}

/** The services in the order of discovery; `_matrix` is the deprecated one (Server-Server API, server discovery). */
const SERVICES = ['_matrix-fed._tcp', '_matrix._tcp'] as const;

/**
 * The SRV targets of a host name, best first, or an empty list.
 *
 * @param random in [0, 1), asked once per record
 */
export async function lookupSrv(dns: Dns, host: string, random: () => number): Promise<SrvRecord[]> {
  for (const service of SERVICES) {
    const records = await dns.srv(`${service}.${host}`);
    // A single "." says that the service is decidedly not available here.
    const usable = records.filter(({ name, port }) => name !== '' && name !== '.' && port > 0);
    if (usable.length > 0) return orderSrv(usable, random).slice(0, MAX_SRV_TARGETS);
  }
  return [];
}

/** Lowest priority first; within one, a weighted random order (RFC 2782, "Usage rules"). */
export function orderSrv(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((priority) =>
    weighted(
      records.filter((record) => record.priority === priority),
      random,
    ),
  );
}

function weighted(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  // Those of weight 0 come first, so that they keep a small chance.
  const rest = [...records].sort((a, b) => a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  while (rest.length > 0) {
    const total = rest.reduce((sum, record) => sum + record.weight, 0);
    let wanted = random() * total;
    let index = rest.findIndex((record) => (wanted -= record.weight) <= 0);
    if (index < 0) index = rest.length - 1;
    ordered.push(...rest.splice(index, 1));
  }
  return ordered;
}
