import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startDemo } from '../../src/demo/start-demo.ts';

// Whole processes are started here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-demo-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const quiet = { report: () => undefined, webClient: false, env: { NYX_RATE_LIMITS: 'off' } };

/** GET over TLS, trusting the demo's authority alone. */
const getSecurely = (url: string, ca: string): Promise<Record<string, unknown>> =>
  new Promise((resolve, reject) => {
    request(url, { ca }, (response) => {
      text(response).then((body) => resolve(JSON.parse(body) as Record<string, unknown>), reject);
    })
      .on('error', reject)
      .end();
  });

const login = async (url: string, user: string, password: string): Promise<Record<string, unknown>> => {
  const body = JSON.stringify({
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user },
    password,
  });
  const response = await fetch(`${url}/_matrix/client/v3/login`, { method: 'POST', body });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
};

it('runs two servers that are strangers to each other but for one authority, and keeps them', async () => {
  const ports: string[] = [];
  {
    await using demo = await startDemo({ ...quiet, seed: true, dataDir: folder });
    const ca = await readFile(demo.authorityFile, 'utf8');
    for (const { name } of demo.servers) {
      expect(await getSecurely(`https://${name}/_matrix/client/versions`, ca)).toHaveProperty('versions');
    }
    const [key1, key2] = await Promise.all(
      demo.servers.map(({ dataDir }) => readFile(join(dataDir, 'secrets/signing.key'), 'utf8')),
    );
    expect(key1).not.toBe(key2);
    for (const [index, server] of demo.servers.entries()) {
      ports.push(server.name);
      for (const { userId, username, password } of demo.users[index] ?? []) {
        expect(await login(server.url, username, password)).toMatchObject({ user_id: userId });
        expect(userId).toBe(`@${username}:${server.name}`);
      }
    }
    const client = new mongoose.mongo.MongoClient(demo.mongoUri);
    const { databases } = await client.db().admin().listDatabases();
    expect(databases.map(({ name }) => name)).toEqual(expect.arrayContaining(['nyx_demo_1', 'nyx_demo_2']));
    await client.close();
  }
  await using again = await startDemo({ ...quiet, seed: true, dataDir: folder });
  expect(again.servers.map(({ name }) => name)).toEqual(ports);
  const [alice] = again.users[0];
  await login(again.servers[0].url, alice?.username ?? '', alice?.password ?? '');
});

it('lets a test kill a server and start it again', async () => {
  await using demo = await startDemo({ ...quiet, seed: true });
  const [server] = demo.servers;
  const [alice] = demo.users[0];
  await server.kill();
  await expect(fetch(`${server.url}/ready`)).rejects.toThrow();
  await server.start();
  await login(server.url, alice?.username ?? '', alice?.password ?? '');
  expect(await readFile(server.logFile, 'utf8')).toContain('listening on');
});
