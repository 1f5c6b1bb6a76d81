import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';

// Whole servers talk to each other here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const AUTHED = '/_matrix/client/v1/media';
const LEGACY = '/_matrix/media/v3';
const MAX_REMOTE = 300_000;

let federation: TestFederation;
let one: TestServer;
let two: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  federation = await createFederation(0);
  one = await federation.add({ logging: { access: true } });
  two = await federation.add({ media: { maxRemote: MAX_REMOTE } });
  alice = await one.register('alice');
  bob = await two.register('bob');
});
afterAll(() => federation[Symbol.asyncDispose]());

const upload = async (bytes: Uint8Array, type: string, name: string): Promise<string> => {
  const answer = await alice.request('POST', `${LEGACY}/upload?filename=${encodeURIComponent(name)}`, {
    rawBody: bytes,
    headers: { 'content-type': type },
  });
  expect(answer.status).toBe(200);
  return String(answer.body.content_uri).slice('mxc://'.length);
};

const get = async (path: string, token?: string) => {
  const response = await fetch(two.url + path, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes };
};

it('fetches a file of another server once, whole, with its type and name', async () => {
  // Line breaks and dashes, so that the end is looked for in vain many times.
  const bytes = Buffer.concat([
    Buffer.from('\r\n--nyx-\r\n--'),
    randomBytes(200_000),
    Buffer.from('\r\n--nyx'),
  ]);
  const uri = await upload(bytes, 'text/plain', 'päper.txt');
  const path = `${AUTHED}/download/${uri}`;
  const refused = await bob.request('GET', `${path}?allow_remote=false`);
  expect([refused.status, refused.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
  expect((await get(`${LEGACY}/download/${uri}`)).status).toBe(404);
  const answers = await Promise.all([1, 2, 3].map(() => get(path, bob.token)));
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(answer.bytes.equals(bytes)).toBe(true);
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(answer.headers.get('content-disposition')).toBe("inline; filename*=utf-8''p%C3%A4per.txt");
  }
  const asked = one.logLines.filter(({ path: seen }) =>
    String(seen).startsWith('/_matrix/federation/v1/media/'),
  );
  expect(asked.map(({ status }) => status)).toEqual([200]);
  expect((await get(`${path}?allow_remote=false`, bob.token)).status).toBe(200);
  expect((await get(`${LEGACY}/download/${uri}`)).bytes.equals(bytes)).toBe(true);
});

it('takes in an empty file', async () => {
  const uri = await upload(new Uint8Array(), 'text/plain', 'nothing');
  const answer = await get(`${AUTHED}/download/${uri}`, bob.token);
  expect([answer.status, answer.bytes.length]).toEqual([200, 0]);
});

it('refuses what is too large', async () => {
  const uri = await upload(randomBytes(MAX_REMOTE + 1), 'image/png', 'large.png');
  const answer = await bob.request('GET', `${AUTHED}/download/${uri}`);
  expect([answer.status, answer.body.errcode]).toEqual([502, 'M_TOO_LARGE']);
});

it('says when the other server cannot be reached', async () => {
  const answer = await bob.request('GET', `${AUTHED}/download/127.0.0.1:1/unknown`);
  expect([answer.status, answer.body.errcode]).toEqual([502, 'M_UNKNOWN']);
});

it('does not find what its server does not have', async () => {
  const answer = await bob.request('GET', `${AUTHED}/download/${one.config.server.name}/unknown`);
  expect([answer.status, answer.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
});

it('does not give files to servers that do not sign', async () => {
  for (const kind of ['download', 'thumbnail']) {
    const answer = await one.request('GET', `/_matrix/federation/v1/media/${kind}/x?width=1&height=1`);
    expect(answer.status).toBe(401);
  }
});
