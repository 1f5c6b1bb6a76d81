import fc from 'fast-check';
import { BlockList, isIPv4 } from 'node:net';
import { describe, expect, test } from 'vitest';
import { addressBytes, inRange, parseRange } from './ip-address.ts';
import { createAddressPolicy, DEFAULT_DENIED_RANGES } from './ssrf-guard.ts';

describe('the default deny-list', () => {
  const policy = createAddressPolicy({});

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::7f00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2002:c0a8:101::1',
    '2001::1',
    '2001:db8::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'ff02::1',
    'not an address',
    '',
    '1.2.3',
    '0x7f.0.0.1',
    '2130706433',
  ])('denies %s', (address) => expect(policy.permits(address)).toBe(false));

  test.each([
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '100.128.0.1',
    '11.0.0.1',
    '2606:4700:4700::1111',
    '2a00::1',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2002:808:808::1',
  ])('permits %s', (address) => expect(policy.permits(address)).toBe(true));
});

describe('a configured policy', () => {
  test('allow wins over deny', () => {
    const policy = createAddressPolicy({ allow: ['127.0.0.0/8', '::1'] });
    expect(policy.permits('127.0.0.1')).toBe(true);
    expect(policy.permits('::1')).toBe(true);
    expect(policy.permits('::ffff:127.0.0.1')).toBe(true);
    expect(policy.permits('10.0.0.1')).toBe(false);
  });

  test('an own deny-list replaces the default', () => {
    const policy = createAddressPolicy({ deny: ['8.8.8.0/24'] });
    expect(policy.permits('8.8.8.8')).toBe(false);
    expect(policy.permits('10.0.0.1')).toBe(true);
  });

  test.each(['', 'example.org', '10.0.0.0/33', '10.0.0.0/-1', '::/129', '10.0.0/8', '10.0.0.0/a'])(
    'refuses the range "%s"',
    (range) => expect(() => createAddressPolicy({ deny: [range] })).toThrow(RangeError),
  );
});

/** Node's own BlockList is a second implementation of prefixes. */
test('agrees with node:net on random addresses and ranges', () => {
  const list = new BlockList();
  const ranges = DEFAULT_DENIED_RANGES.map((text) => {
    const [address = '', bits] = text.split('/');
    list.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6');
    return parseRange(text);
  });
  const ours = (address: string) => {
    const bytes = addressBytes(address);
    return bytes !== undefined && ranges.some((range) => inRange(bytes, range));
  };
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      expect(ours(address)).toBe(list.check(address, 'ipv4'));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(
      // BlockList unwraps mapped addresses by itself, which ours does one layer up.
      fc.ipV6().filter((address) => !/^(0*:)*:?ffff:/i.test(address)),
      (address) => {
        expect(ours(address)).toBe(list.check(address, 'ipv6'));
      },
    ),
    { numRuns: 2000 },
  );
});
