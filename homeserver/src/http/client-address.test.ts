import { expect, it } from 'vitest';
import { clientAddress } from './client-address.ts';

const behind = clientAddress(['127.0.0.1', '10.0.0.0/8', 'fd00::/8']);

it.each([
  ['no proxy', '203.0.113.9', undefined, '203.0.113.9'],
  ['a header of a stranger', '203.0.113.9', '1.2.3.4', '203.0.113.9'],
  ['one proxy', '127.0.0.1', '1.2.3.4', '1.2.3.4'],
  ['a client that lies to the proxy', '127.0.0.1', '6.6.6.6, 1.2.3.4', '1.2.3.4'],
  ['two proxies', '127.0.0.1', '1.2.3.4, 10.1.2.3', '1.2.3.4'],
  ['a mapped address', '::ffff:127.0.0.1', '1.2.3.4', '1.2.3.4'],
  ['an IPv6 proxy', 'fd00::1', '2001:db8::1', '2001:db8::1'],
  ['junk in the header', '127.0.0.1', 'unknown', '127.0.0.1'],
  ['an empty header', '127.0.0.1', '', '127.0.0.1'],
])('with %s', (_what, peer, forwarded, expected) => {
  expect(behind(peer, forwarded)).toBe(expected);
});

it('believes no header when no proxy is trusted', () => {
  expect(clientAddress([])('::ffff:1.1.1.1', '2.2.2.2')).toBe('1.1.1.1');
});
