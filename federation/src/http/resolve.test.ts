import { describe, expect, test } from 'vitest';
import type { DiscoveryPorts } from './resolve.ts';
import { resolveServer } from './resolve.ts';
import type { SrvRecord } from './srv.ts';
import { orderSrv } from './srv.ts';

const srv = (name: string, port: number, priority = 10, weight = 0): SrvRecord => ({
  name,
  port,
  priority,
  weight,
});

function ports(
  records: Record<string, SrvRecord[]> = {},
  delegations: Record<string, string> = {},
): DiscoveryPorts & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    random: () => 0,
    wellKnown: async (host) => {
      asked.push(`well-known ${host}`);
      return delegations[host];
    },
    dns: {
      srv: async (name) => {
        asked.push(name);
        return records[name] ?? [];
      },
      addresses: async () => [],
    },
  };
}

/** Each case is one step of "Resolving server names" in the Server-Server API. */
describe('server discovery', () => {
  test.each([
    ['1: IPv4 literal', '1.2.3.4', '1.2.3.4', 8448, '1.2.3.4', '1.2.3.4'],
    ['1: IPv4 literal with port', '1.2.3.4:99', '1.2.3.4', 99, '1.2.3.4:99', '1.2.3.4'],
    ['1: IPv6 literal', '[::1]', '::1', 8448, '[::1]', '::1'],
    ['1: IPv6 literal with port', '[2a00::1]:443', '2a00::1', 443, '[2a00::1]:443', '2a00::1'],
    ['2: name with port', 'a.org:8080', 'a.org', 8080, 'a.org:8080', 'a.org'],
  ])('%s', async (_step, name, host, port, hostHeader, tlsName) => {
    const asking = ports();
    expect(await resolveServer(asking, name)).toEqual({ targets: [{ host, port }], hostHeader, tlsName });
    expect(asking.asked).toEqual([]);
  });

  test.each([
    ['3.1: delegated IP', '5.6.7.8', '5.6.7.8', 8448, '5.6.7.8', '5.6.7.8'],
    ['3.1: delegated IP with port', '5.6.7.8:1', '5.6.7.8', 1, '5.6.7.8:1', '5.6.7.8'],
    ['3.2: delegated name with port', 'm.org:443', 'm.org', 443, 'm.org:443', 'm.org'],
    ['3.5: delegated name', 'm.org', 'm.org', 8448, 'm.org', 'm.org'],
  ])('%s', async (_step, delegated, host, port, hostHeader, tlsName) => {
    const route = await resolveServer(ports({}, { 'a.org': delegated }), 'a.org');
    expect(route).toEqual({ targets: [{ host, port }], hostHeader, tlsName });
  });

  test('3.3: SRV of the delegated name, which keeps the Host header and the certificate', async () => {
    const asking = ports({ '_matrix-fed._tcp.m.org': [srv('s.net', 1234)] }, { 'a.org': 'm.org' });
    expect(await resolveServer(asking, 'a.org')).toEqual({
      targets: [{ host: 's.net', port: 1234 }],
      hostHeader: 'm.org',
      tlsName: 'm.org',
    });
  });

  test('3.4: the deprecated SRV service only where the new one is missing', async () => {
    const old = { '_matrix._tcp.m.org': [srv('old.net', 1)] };
    const both = { ...old, '_matrix-fed._tcp.m.org': [srv('new.net', 2)] };
    const delegation = { 'a.org': 'm.org' };
    expect((await resolveServer(ports(old, delegation), 'a.org')).targets).toEqual([
      { host: 'old.net', port: 1 },
    ]);
    const asking = ports(both, delegation);
    expect((await resolveServer(asking, 'a.org')).targets).toEqual([{ host: 'new.net', port: 2 }]);
    expect(asking.asked).not.toContain('_matrix._tcp.m.org');
  });

  test('4 and 5: SRV of the name itself', async () => {
    const route = await resolveServer(ports({ '_matrix-fed._tcp.a.org': [srv('s.net.', 7)] }), 'a.org');
    expect(route).toEqual({ targets: [{ host: 's.net', port: 7 }], hostHeader: 'a.org', tlsName: 'a.org' });
  });

  test('6: port 8448 of the name', async () => {
    const asking = ports();
    expect(await resolveServer(asking, 'a.org')).toEqual({
      targets: [{ host: 'a.org', port: 8448 }],
      hostHeader: 'a.org',
      tlsName: 'a.org',
    });
    expect(asking.asked).toEqual(['well-known a.org', '_matrix-fed._tcp.a.org', '_matrix._tcp.a.org']);
  });

  test('a delegation is not followed a second time', async () => {
    const asking = ports({}, { 'a.org': 'b.org', 'b.org': 'c.org' });
    expect((await resolveServer(asking, 'a.org')).tlsName).toBe('b.org');
    expect(asking.asked).not.toContain('well-known b.org');
  });

  test('a target of "." says that there is no service', async () => {
    const route = await resolveServer(ports({ '_matrix-fed._tcp.a.org': [srv('.', 0)] }), 'a.org');
    expect(route.targets).toEqual([{ host: 'a.org', port: 8448 }]);
  });

  test.each(['', 'a b', 'a.org:0', 'a.org:99999', '[::1', '[zz]', 'a_b', 'a'.repeat(300), 'a.org:'])(
    'refuses "%s"',
    async (name) =>
      await expect(resolveServer(ports(), name)).rejects.toMatchObject({ code: 'BAD_SERVER_NAME' }),
  );
});

describe('the order of SRV records', () => {
  test('lower priorities first', () => {
    const records = [srv('b', 1, 20), srv('a', 1, 10), srv('c', 1, 30)];
    expect(orderSrv(records, () => 0.5).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  test('within a priority, by weight', () => {
    const records = [srv('light', 1, 1, 10), srv('heavy', 1, 1, 90)];
    let first = 0;
    for (let index = 0; index < 1000; index++)
      if (orderSrv(records, () => (index + 0.5) / 1000)[0]?.name === 'heavy') first++;
    expect(first).toBe(900);
  });

  test('keeps every record', () => {
    const records = [srv('a', 1, 1, 0), srv('b', 1, 1, 0), srv('c', 1, 1, 5)];
    for (const value of [0, 0.5, 0.999999])
      expect(
        orderSrv(records, () => value)
          .map(({ name }) => name)
          .sort(),
      ).toEqual(['a', 'b', 'c']);
  });
});
