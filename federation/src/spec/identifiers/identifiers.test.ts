import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../testing/properties.ts';
import { IdentifierError } from './brand.ts';
import { isDeviceId, parseDeviceId } from './device-id.ts';
import { eventIdDomain, isEventId, isEventIdOf, parseEventId } from './event-id.ts';
import { isKeyId, keyAlgorithm, keyName, makeServerKeyId, parseKeyId } from './key-id.ts';
import { fitsInBytes, utf8Length } from './length.ts';
import { isMxcUri, parseMxcUri, splitMxcUri } from './mxc-uri.ts';
import { isRoomAlias, parseRoomAlias, roomAliasLocalpart, roomAliasServer } from './room-alias.ts';
import { isRoomId, isRoomIdOf, parseRoomId, roomIdDomain } from './room-id.ts';
import { roomIdSchema, userIdSchema } from './schemas.ts';
import { isIpv6, isServerName, parseServerName, serverNameParts } from './server-name.ts';
import {
  isForwardableUserId,
  isUserId,
  makeUserId,
  parseUserId,
  userIdLocalpart,
  userIdServer,
} from './user-id.ts';

describe('server names', () => {
  // The examples of the specification, then what its grammar decides.
  it.each([
    ['matrix.org', 'matrix.org', undefined, 'dns'],
    ['matrix.org:8888', 'matrix.org', 8888, 'dns'],
    ['1.2.3.4', '1.2.3.4', undefined, 'ipv4'],
    ['1.2.3.4:1234', '1.2.3.4', 1234, 'ipv4'],
    ['[1234:5678::abcd]', '[1234:5678::abcd]', undefined, 'ipv6'],
    ['[1234:5678::abcd]:5678', '[1234:5678::abcd]', 5678, 'ipv6'],
    ['[::]', '[::]', undefined, 'ipv6'],
    ['[::ffff:1.2.3.4]', '[::ffff:1.2.3.4]', undefined, 'ipv6'],
    ['localhost', 'localhost', undefined, 'dns'],
    ['UPPER.example', 'UPPER.example', undefined, 'dns'],
    ['a.example:65535', 'a.example', 65535, 'dns'],
    ['1.2.3.999', '1.2.3.999', undefined, 'dns'],
  ])('%s', (name, host, port, kind) => {
    expect(serverNameParts(parseServerName(name))).toEqual({ host, port, kind });
  });

  it.each([
    '',
    ':8448',
    'a.example:',
    'a.example:65536',
    'a.example:123456',
    'a.example:8a',
    'a_b.example',
    'ünï.example',
    'a.example/x',
    'a b',
    '[::1',
    '::1',
    '[]',
    '[:::]',
    '[1::2::3]',
    '[12345::]',
    '[1:2:3:4:5:6:7]',
    '[1:2:3:4:5:6:7:8:9]',
    '[fe80::1%eth0]',
    '[1.2.3.4]',
    'x'.repeat(256),
    'a.example\n',
  ])('refuses %j', (name) => {
    expect(isServerName(name)).toBe(false);
    expect(() => parseServerName(name)).toThrow(IdentifierError);
  });

  it('knows IPv6 addresses', () => {
    for (const good of [
      '::',
      '::1',
      '1::',
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:1.2.3.4',
      '::1.2.3.4',
      'a:B::c',
    ]) {
      expect(isIpv6(good), good).toBe(true);
    }
    for (const bad of [
      '',
      ':',
      '1',
      '1:2',
      '1:2:3:4:5:6:7:8::',
      '1.2.3.4::',
      '::1.2.3',
      '1:2:3:4:5:6:7:1.2.3.4',
    ]) {
      expect(isIpv6(bad), bad).toBe(false);
    }
  });
});

describe('user ids', () => {
  it.each([
    '@alice:a.example',
    '@a:b:8448',
    '@a:[::1]:1',
    '@:a.example',
    '@UPPER case ünï !:a.example',
    '@\u0001:a.example',
  ])('takes %j, as servers must', (id) => {
    expect(parseUserId(id)).toBe(id);
    expect(userIdSchema.parse(id)).toBe(id);
  });

  it.each([
    '',
    'alice:a.example',
    '@alice',
    '@alice:',
    '@a\0b:a.example',
    '@\ud800:a.example',
    `@${'a'.repeat(245)}:a.example`,
    7,
    null,
  ])('refuses %j', (id) => {
    expect(isUserId(id)).toBe(false);
    expect(userIdSchema.safeParse(id).success).toBe(false);
  });

  it('counts bytes, not characters', () => {
    const fill = 255 - '@:a.example'.length;
    expect(isUserId(`@${'a'.repeat(fill)}:a.example`)).toBe(true);
    expect(isUserId(`@${'a'.repeat(fill + 1)}:a.example`)).toBe(false);
    expect(isUserId(`@${'é'.repeat(fill / 2)}:a.example`)).toBe(true);
    expect(isUserId(`@${'é'.repeat(fill / 2 + 1)}:a.example`)).toBe(false);
  });

  it('comes apart at the first colon', () => {
    const id = parseUserId('@al/ice:[::1]:8448');
    expect(userIdLocalpart(id)).toBe('al/ice');
    expect(userIdServer(id)).toBe('[::1]:8448');
  });

  it('is made only by the strict grammar', () => {
    const server = parseServerName('a.example');
    expect(makeUserId('a-z.0_9=/+', server)).toBe('@a-z.0_9=/+:a.example');
    for (const localpart of ['', 'Alice', 'a b', 'ü', 'a:b', 'a'.repeat(250)]) {
      expect(() => makeUserId(localpart, server)).toThrow(IdentifierError);
    }
  });

  it('is kept from clients when not compliant', () => {
    expect(isForwardableUserId(parseUserId('@Alice!:a.example'))).toBe(true);
    for (const id of ['@:a.example', '@a b:a.example', '@ü:a.example']) {
      expect(isForwardableUserId(parseUserId(id))).toBe(false);
    }
  });
});

describe('room ids', () => {
  const hash = '!' + 'aB3-_'.repeat(8) + 'xyz';
  it('have a domain, or from version 12 on are a hash', () => {
    expect(isRoomIdOf('domain', '!abc:a.example')).toBe(true);
    expect(isRoomIdOf('domain', hash)).toBe(false);
    expect(isRoomIdOf('create-hash', hash)).toBe(true);
    for (const other of ['!abc:a.example', hash + 'x', hash.slice(1), '!' + '+'.repeat(43)]) {
      expect(isRoomIdOf('create-hash', other)).toBe(false);
    }
    expect(roomIdDomain(parseRoomId('!abc:a.example:1'))).toBe('a.example:1');
    expect(roomIdDomain(parseRoomId(hash))).toBeUndefined();
    expect(roomIdSchema.parse(hash)).toBe(hash);
  });
  it.each([
    '',
    '!',
    'abc:a.example',
    '#abc:a.example',
    '!a\0b:a.example',
    '!abc:',
    '!abc:a b',
    '!' + 'a'.repeat(255),
  ])('refuses %j', (id) => {
    expect(isRoomId(id)).toBe(false);
  });
});

describe('event ids', () => {
  const safe = '$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg';
  const standard = '$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk';
  it('have the format of their room version', () => {
    expect(isEventIdOf('hash-urlsafe', safe)).toBe(true);
    expect(isEventIdOf('hash-urlsafe', standard)).toBe(false);
    expect(isEventIdOf('hash-base64', standard)).toBe(true);
    expect(isEventIdOf('hash-base64', safe)).toBe(false);
    expect(isEventIdOf('domain', '$x:a.example')).toBe(true);
    expect(isEventIdOf('domain', safe)).toBe(false);
    expect(isEventIdOf('hash-urlsafe', 7)).toBe(false);
    expect(eventIdDomain(parseEventId('$x:a.example'))).toBe('a.example');
    expect(eventIdDomain(parseEventId(safe))).toBeUndefined();
  });
  it.each(['', '$', 'x', '$x:', '$x\0', '$' + 'x'.repeat(255)])('refuses %j', (id) => {
    expect(isEventId(id)).toBe(false);
  });
});

it('room aliases, content URIs, key ids and device ids keep their grammar', () => {
  const alias = parseRoomAlias('#Räume und so:a.example:1');
  expect([roomAliasLocalpart(alias), roomAliasServer(alias)]).toEqual(['Räume und so', 'a.example:1']);
  for (const bad of ['', '#x', 'x:a.example', '#a\0:a.example']) expect(isRoomAlias(bad)).toBe(false);

  expect(splitMxcUri(parseMxcUri('mxc://a.example:1/Ab-_9'))).toEqual({
    server: 'a.example:1',
    mediaId: 'Ab-_9',
  });
  for (const bad of [
    '',
    'mxc://a.example',
    'mxc://a.example/',
    'mxc://a.example/x/y',
    'mxc:///x',
    'https://a.example/x',
    'mxc://a.example/..',
  ]) {
    expect(isMxcUri(bad)).toBe(false);
  }

  const key = parseKeyId('signed_curve25519:AAA:B');
  expect([keyAlgorithm(key), keyName(key)]).toEqual(['signed_curve25519', 'AAA:B']);
  expect(makeServerKeyId('a_1')).toBe('ed25519:a_1');
  for (const bad of ['', 'ed25519', ':x', 'ed25519:', 'x'.repeat(300)]) expect(isKeyId(bad)).toBe(false);
  expect(() => makeServerKeyId('a:b')).toThrow(IdentifierError);

  expect(parseDeviceId('ABC')).toBe('ABC');
  for (const bad of ['', 'a\0b', 'x'.repeat(256), 7]) expect(isDeviceId(bad)).toBe(false);
});

it('bytes of UTF-8 are what the platform counts', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.nat(300), (text, limit) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      expect(fitsInBytes(text, limit)).toBe(Buffer.byteLength(text) <= limit);
    }),
    runs(500),
  );
});

it('no text makes a guard throw, and errors do not repeat it', () => {
  const guards = [isServerName, isUserId, isRoomId, isEventId, isRoomAlias, isMxcUri, isKeyId, isDeviceId];
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.anything()), (value) => {
      for (const guard of guards) expect(typeof guard(value)).toBe('boolean');
    }),
    runs(500),
  );
  expect(() => parseUserId('@secret')).toThrow(/^not a valid user id$/);
});
