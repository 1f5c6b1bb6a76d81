import { ristretto255_oprf } from '@noble/curves/ed25519.js';
import { hkdfSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const BASE = '/_matrix/client/unstable/chat.nyx.discovery';
const { oprf } = ristretto255_oprf;
const card = (letter: string): string => letter.repeat(736);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

let federation: TestFederation;
let one: TestServer;
let two: TestServer;
let alice: TestUser;
let bob: TestUser;
beforeAll(async () => {
  federation = await createFederation(2);
  const [first, second] = federation.servers;
  if (first === undefined || second === undefined) throw new Error('no servers');
  one = first;
  two = second;
  alice = await one.register('alice');
  bob = await two.register('bob');
});
afterAll(() => federation[Symbol.asyncDispose]());

/** What a client does: blinds, asks through its own server, unblinds. */
async function lookUp(who: TestUser, userId: string): Promise<{ id: string; card: string | undefined }> {
  const server = userId.slice(userId.indexOf(':') + 1);
  const input = new TextEncoder().encode(userId);
  const { blind, blinded } = oprf.blind(input);
  const answer = await who.ok('POST', `${BASE}/evaluate`, { server, element: base64(blinded) });
  const output = oprf.finalize(input, blind, bytes(answer.evaluated as string));
  const id = Buffer.from(hkdfSync('sha256', output, '', 'chat.nyx/discovery/id', 16)).toString('hex');
  const prefix = id.slice(0, answer.digits as number);
  const path = `${BASE}/rows?server=${encodeURIComponent(server)}&prefix=${prefix}`;
  const { rows } = (await who.ok('GET', path)) as { rows: { id: string; card: string }[] };
  return { id, card: rows.find((row) => row.id === id)?.card };
}

describe('somebody who may be found by exact user id', () => {
  it('is found from the same server and from another, until they take it back', async () => {
    expect(await alice.ok('GET', `${BASE}/listing`)).toEqual({ listed: false });
    expect((await lookUp(bob, alice.userId)).card).toBeUndefined();
    await alice.ok('PUT', `${BASE}/listing`, { card: card('A') });
    expect(await alice.ok('GET', `${BASE}/listing`)).toEqual({ listed: true });
    expect((await lookUp(alice, alice.userId)).card).toBe(card('A'));
    const { id, card: found } = await lookUp(bob, alice.userId);
    expect(found).toBe(card('A'));
    // Each server has a key of its own.
    const other = await bob.ok('POST', `${BASE}/evaluate`, {
      server: two.config.server.name,
      element: base64(oprf.blind(new Uint8Array(1)).blinded),
    });
    expect(other.digits).toBe(0);
    await alice.ok('PUT', `${BASE}/listing`, { card: card('B') });
    expect(await lookUp(bob, alice.userId)).toEqual({ id, card: card('B') });
    await alice.ok('DELETE', `${BASE}/listing`);
    expect((await lookUp(bob, alice.userId)).card).toBeUndefined();
  });

  it('leaves a table that does not name them, and goes with the account', async () => {
    const carol = await one.register('carol');
    await carol.ok('PUT', `${BASE}/listing`, { card: card('C') });
    const table = one.server.context.foundation.db.collection('listings');
    const rows = await table.find().toArray();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain('carol');
    const path = '/_matrix/client/v3/account/deactivate';
    const challenge = await carol.request('POST', path, { body: {} });
    const auth = {
      session: challenge.body.session as string,
      ...{ type: 'm.login.password', password: carol.password },
      identifier: { type: 'm.id.user', user: carol.userId },
    };
    await carol.ok('POST', path, { auth });
    await vi.waitFor(async () => expect(await table.countDocuments()).toBe(0), { timeout: 60_000 });
  });

  it('is not asked for by junk', async () => {
    const server = one.config.server.name;
    const evaluate = async (element: unknown) =>
      (await alice.request('POST', `${BASE}/evaluate`, { body: { server, element } })).status;
    // Too short, no base64, the identity, and no point at all.
    for (const element of [
      'AAAA',
      '*'.repeat(43),
      base64(new Uint8Array(32)),
      base64(new Uint8Array(32).fill(1)),
    ])
      expect([element, await evaluate(element)]).toEqual([element, 400]);
    const long = await alice.request('PUT', `${BASE}/listing`, { body: { card: card('A').slice(1) } });
    expect(long.status).toBe(400);
    const prefix = await alice.request('GET', `${BASE}/rows?server=${server}&prefix=XY`);
    expect(prefix.status).toBe(400);
    const nowhere = { server: 'not a server', element: base64(oprf.blind(new Uint8Array(1)).blinded) };
    expect((await alice.request('POST', `${BASE}/evaluate`, { body: nowhere })).status).toBe(400);
  });
});

describe('a sealed profile', () => {
  it('is carried as it is, to another server too, and asked for as one field', async () => {
    const field = {
      v: 'chat.nyx.profile.v1',
      version: 'v'.repeat(22),
      nonce: 'n'.repeat(32),
      ciphertext: 'c'.repeat(5483),
    };
    const path = `/_matrix/client/v3/profile/${encodeURIComponent(alice.userId)}/chat.nyx.profile`;
    await alice.ok('PUT', path, { 'chat.nyx.profile': field });
    expect(await bob.ok('GET', path)).toEqual({ 'chat.nyx.profile': field });
    await alice.ok('DELETE', path);
    expect((await bob.request('GET', path)).status).toBe(404);
  });
});

describe('who asks too often', () => {
  it('waits', async () => {
    const strict = await federation.add({
      rateLimits: { enabled: true, lookUp: { perSecond: 0.01, burst: 3 } },
    });
    const dave = await strict.register('dave');
    const body = {
      server: strict.config.server.name,
      element: base64(oprf.blind(new Uint8Array(1)).blinded),
    };
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++)
      statuses.push((await dave.request('POST', `${BASE}/evaluate`, { body })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
  });

  it('waits as another server too', async () => {
    const strict = await federation.add({
      rateLimits: { enabled: true, lookUpRemote: { perSecond: 0.01, burst: 2 } },
    });
    const body = {
      server: strict.config.server.name,
      element: base64(oprf.blind(new Uint8Array(1)).blinded),
    };
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++)
      statuses.push((await bob.request('POST', `${BASE}/evaluate`, { body })).status);
    expect(statuses.slice(0, 2)).toEqual([200, 200]);
    expect(statuses[2]).toBeGreaterThanOrEqual(400);
  });
});
