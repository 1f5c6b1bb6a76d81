import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runNyx, startNyx } from './run-nyx.ts';

// Whole processes are started here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-backup-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const data = () => join(folder, 'data');
const env = () => ({
  NYX_DATA_DIR: data(),
  NYX_PORT: '0',
  NYX_SERVER_NAME: 'backup.example',
  NYX_SERVER__WEB_CLIENT__ENABLED: 'false',
});

type Json = Record<string, unknown>;

const call = async (url: string, method: string, token?: string, body?: Json): Promise<Json> => {
  const response = await fetch(url, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Json;
  expect({ url, status: response.status, answer }).toMatchObject({ status: 200 });
  return answer;
};

const say = (url: string, token: string, room: string, text: string) =>
  call(
    `${url}/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${text}`,
    'PUT',
    token,
    {
      msgtype: 'm.text',
      body: text,
    },
  );

const bodies = async (url: string, token: string, room: string): Promise<unknown[]> => {
  const page = await call(
    `${url}/_matrix/client/v3/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=20`,
    'GET',
    token,
  );
  const chunk = page.chunk as { type: string; content: { body?: string } }[];
  return chunk.filter(({ type }) => type === 'm.room.message').map(({ content }) => content.body);
};

it('is restored as docs/operating.md says: users, rooms, messages and keys of the day of the backup', async () => {
  const before = await startNyx({ args: [], env: env() });
  const account = await call(`${before.url}/_matrix/client/v3/register`, 'POST', undefined, {
    username: 'alice',
    password: 'correct horse battery',
    auth: { type: 'm.login.dummy' },
  });
  const token = String(account.access_token);
  const room = String((await call(`${before.url}/_matrix/client/v3/createRoom`, 'POST', token, {})).room_id);
  await say(before.url, token, room, 'kept');
  const keys = await runNyx({ args: ['keys'], env: env() });
  expect(await before.stop('SIGTERM')).toBe(0);
  await cp(data(), join(folder, 'backup'), { recursive: true, preserveTimestamps: true });

  const meanwhile = await startNyx({ args: [], env: env() });
  await say(meanwhile.url, token, room, 'lost');
  expect(await bodies(meanwhile.url, token, room)).toEqual(['lost', 'kept']);
  await meanwhile.stop('SIGKILL');
  await runNyx({ args: ['keys', 'rotate'], env: env() });

  await rename(data(), join(folder, 'away'));
  await cp(join(folder, 'backup'), data(), { recursive: true, preserveTimestamps: true });
  await using after = await startNyx({ args: [], env: env() });
  expect(await bodies(after.url, token, room)).toEqual(['kept']);
  expect((await runNyx({ args: ['keys'], env: env() })).stdout).toBe(keys.stdout);
  await say(after.url, token, room, 'again');
  expect(await bodies(after.url, token, room)).toEqual(['again', 'kept']);
});
