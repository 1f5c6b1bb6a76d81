import { describe, expect, test } from 'vitest';
import { createKeySource } from '../http/key-source.ts';
import { FederationTransport } from '../http/transport.ts';
import { parseJsonObject } from '../json/parse.ts';
import { KeyRing } from '../signing/key-ring.ts';
import { buildXMatrix, parseXMatrix, verifyXMatrix } from '../signing/x-matrix.ts';
import { TestCertificateAuthority } from './certificates.ts';
import { FakeServer } from './fake-server.ts';

/** A transport of a server that trusts the authority and may use the loopback interface. */
function transportOf(fake: FakeServer, authority: TestCertificateAuthority) {
  return new FederationTransport({
    sign: (request) => buildXMatrix(fake.signer, request),
    userAgent: 'Nyx/test',
    now: () => Date.now(),
    random: () => 0.5,
    addresses: { allow: ['127.0.0.0/8'] },
    extraCa: [authority.cert],
  });
}

describe('two fake servers', () => {
  test('sign, discover, fetch keys and verify over TLS', async () => {
    const authority = new TestCertificateAuthority();
    await using one = await FakeServer.start(authority);
    await using two = await FakeServer.start(authority);
    await using transport = transportOf(one, authority);
    two.on('PUT', /^\/_matrix\/federation\/v1\/send\//, () => ({ pdus: {} }));
    const path = '/_matrix/federation/v1/send/1?x=%20';
    await transport.client.request({
      destination: two.name,
      method: 'PUT',
      path,
      content: '{"pdus":[]}',
      parse: parseJsonObject,
    });
    const seen = await two.until(({ method }) => method === 'PUT');

    await using back = transportOf(two, authority);
    const ring = new KeyRing({
      source: createKeySource(back.client),
      store: { load: async () => [], save: async () => undefined },
      notaries: [],
      now: () => Date.now(),
      random: () => 0,
    });
    const header = parseXMatrix(seen.headers.authorization, two.name);
    if (typeof header === 'string') throw new Error(header);
    await ring.fetch([{ server: header.origin, keyId: header.keyId, at: Date.now() }]);
    const key = ring.lookup(header.origin, header.keyId, Date.now());
    if (key === undefined) throw new Error('no key');
    const request = { method: 'PUT', uri: path, destination: two.name, content: seen.body };
    expect(verifyXMatrix(header, request, key)).toBe(true);
    expect(verifyXMatrix(header, { ...request, content: '{"pdus":[1]}' }, key)).toBe(false);
  });

  test('send and answer what a test scripts', async () => {
    const authority = new TestCertificateAuthority();
    await using one = await FakeServer.start(authority);
    await using two = await FakeServer.start(authority);
    two.on('GET', '/slow', (_request, response) => {
      response.writeHead(200).end('not json');
      return undefined;
    });
    expect(await one.send(two.name, { method: 'GET', path: '/slow' })).toMatchObject({
      status: 200,
      text: 'not json',
      json: null,
    });
    expect(await one.send(two.name, { method: 'GET', path: '/other' })).toMatchObject({ status: 404 });
    const forged = await one.send(two.name, { method: 'GET', path: '/x', authorization: 'X-Matrix lies' });
    expect(forged.status).toBe(404);
    expect(two.received.at(-1)?.headers.authorization).toBe('X-Matrix lies');
  });
});
