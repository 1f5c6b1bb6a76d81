import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTestServer } from '../../src/testing/create-test-server.ts';

const PATH = '/_matrix/client/v3/voip/turnServer';
const uris = ['turn:turn.example.org?transport=udp'];

describe('relays for calls', () => {
  it('gives credentials that coturn can check and that expire', async () => {
    await using server = await createTestServer({
      config: { turn: { uris, sharedSecret: 'north', lifetime: '2h' } },
    });
    const alice = await server.register('alice');
    const before = Math.floor(Date.now() / 1_000);
    const answer = await alice.ok('GET', PATH);
    expect([answer.uris, answer.ttl]).toEqual([uris, 7_200]);
    const [expiry = '', ...name] = (answer.username as string).split(':');
    expect(name.join(':')).toBe(alice.userId);
    expect(Number(expiry)).toBeGreaterThanOrEqual(before + 7_200);
    expect(answer.password).toBe(createHmac('sha1', 'north').update(answer.username).digest('base64'));
  });

  it('gives the configured account when there is no secret, and nothing without relays', async () => {
    await using fixed = await createTestServer({ config: { turn: { uris, username: 'u', password: 'p' } } });
    const alice = await fixed.register('alice');
    expect(await alice.ok('GET', PATH)).toEqual({ username: 'u', password: 'p', uris, ttl: 86_400 });
    await using none = await createTestServer();
    const bob = await none.register('bob');
    const answer = await bob.request('GET', PATH);
    expect([answer.status, answer.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
  });
});
