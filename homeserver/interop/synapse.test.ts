import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFederation, type TestFederation } from '../src/testing/create-federation.ts';
import type { TestResponse, TestServer, TestUser } from '../src/testing/create-test-server.ts';
import { startSynapse, SYNAPSE, type RealSynapse, type SynapseUser } from '../src/testing/real-synapse.ts';
import { thisMachine } from '../src/services/start-services.ts';
import { pythonEnvironment } from '../src/services/tools.ts';

const v3 = '/_matrix/client/v3';
type Json = TestResponse['body'];
type Client = Pick<SynapseUser, 'ok' | 'userId'>;
type Event = {
  readonly type: string;
  readonly event_id: string;
  readonly sender: string;
  readonly content: Record<string, Json>;
  readonly state_key?: string;
};

const python = await pythonEnvironment(
  [SYNAPSE],
  thisMachine((line) => console.info(line)),
).catch((error: unknown) => {
  console.warn(`skipped: no Synapse here: ${String(error)}`);
  return undefined;
});

let federation: TestFederation;
let nyx: TestServer;
let synapse: RealSynapse;
let ours: TestUser;
let theirs: SynapseUser;
const folder = mkdtempSync(join(tmpdir(), 'nyx-interop-'));
const keep = process.env.NYX_KEEP_LOGS !== undefined;

beforeAll(async () => {
  if (python === undefined) return;
  federation = await createFederation(1);
  const [server] = federation.servers;
  if (server === undefined) throw new Error('no server');
  nyx = server;
  const { authority, caFile } = federation;
  synapse = await startSynapse({ python, folder, authority, caFile });
  ours = await nyx.register('nyxuser');
  theirs = await synapse.register('synuser');
}, 240_000);
afterAll(async () => {
  if (python === undefined) return;
  await synapse[Symbol.asyncDispose]();
  if (keep)
    console.info(JSON.stringify(nyx.logLines.filter(({ level }) => level !== 'debug')).slice(0, 20_000));
  await federation[Symbol.asyncDispose]();
  if (!keep) rmSync(folder, { recursive: true, force: true });
});

const pathOf = (room: string) => `${v3}/rooms/${encodeURIComponent(room)}`;
const nameOf = (client: Client) => client.userId.slice(client.userId.indexOf(':') + 1);

/** Asks again until the answer meets the condition. */
async function eventually<T>(ask: () => Promise<T>, met: (answer: T) => boolean): Promise<T> {
  let last: T | undefined;
  for (let round = 0; round < 100; round++) {
    last = await ask();
    if (met(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`it did not come: ${JSON.stringify(last).slice(0, 1500)}`);
}
const messages = async (client: Client, room: string): Promise<Event[]> =>
  (await client.ok('GET', `${pathOf(room)}/messages?dir=b&limit=50`)).chunk;
const hears = (client: Client, room: string, text: string) =>
  eventually(
    () => messages(client, room),
    (events) => events.some(({ content }) => content.body === text),
  );
const membership = async (client: Client, room: string, user: string): Promise<string | undefined> => {
  try {
    const answer = await client.ok('GET', `${pathOf(room)}/state/m.room.member/${encodeURIComponent(user)}`);
    return answer.membership;
  } catch {
    return undefined;
  }
};
let transactions = 0;
const say = (client: Client, room: string, body: string): Promise<{ event_id: string }> =>
  client.ok('PUT', `${pathOf(room)}/send/m.room.message/t${transactions++}`, { msgtype: 'm.text', body });
const create = async (client: Client, body: Record<string, unknown>): Promise<string> =>
  (await client.ok('POST', `${v3}/createRoom`, body)).room_id;
const enter = (client: Client, room: string, via: Client) =>
  client.ok(
    'POST',
    `${v3}/join/${encodeURIComponent(room)}?via=${nameOf(via)}&server_name=${nameOf(via)}`,
    {},
  );
const invites = async (client: Client): Promise<Record<string, Json>> =>
  (await client.ok('GET', `${v3}/sync?timeout=0`)).rooms?.invite ?? {};

const LEFT = encodeURIComponent(JSON.stringify({ room: { include_leave: true } }));
const left = async (client: Client): Promise<Record<string, Json>> =>
  (await client.ok('GET', `${v3}/sync?timeout=0&filter=${LEFT}`)).rooms?.leave ?? {};

const directions = [
  ['a Synapse user in a Nyx room', () => [ours, theirs]],
  ['a Nyx user in a Synapse room', () => [theirs, ours]],
] as const satisfies readonly (readonly [string, () => readonly [Client, Client]])[];

describe.skipIf(python === undefined).each(['10', '11', '12'])('room version %s', (version) => {
  describe.each(directions)('%s', (_name, people) => {
    test('joins a public room; both hear each other', async () => {
      const [host, guest] = people();
      const room = await create(host, { preset: 'public_chat', name: 'Interop', room_version: version });
      await enter(guest, room, host);
      expect(await guest.ok('GET', `${pathOf(room)}/state/m.room.name/`)).toEqual({ name: 'Interop' });
      await say(guest, room, 'from the guest');
      await hears(host, room, 'from the guest');
      await say(host, room, 'from the host');
      await hears(guest, room, 'from the host');
    }, 60_000);

    test('is invited, joins, is kicked, invited again, banned, unbanned', async () => {
      const [host, guest] = people();
      const room = await create(host, { preset: 'private_chat', name: 'Private', room_version: version });
      await host.ok('POST', `${pathOf(room)}/invite`, { user_id: guest.userId });
      await eventually(
        () => invites(guest),
        (rooms) => rooms[room] !== undefined,
      );
      await enter(guest, room, host);
      await eventually(
        () => membership(host, room, guest.userId),
        (value) => value === 'join',
      );
      await host.ok('POST', `${pathOf(room)}/kick`, { user_id: guest.userId, reason: 'out' });
      await eventually(
        () => messages(guest, room).catch(() => []),
        (events) =>
          events.some(
            ({ state_key: key, content }) => key === guest.userId && content.membership === 'leave',
          ),
      );
      await host.ok('POST', `${pathOf(room)}/invite`, { user_id: guest.userId });
      await eventually(
        () => invites(guest),
        (rooms) => rooms[room] !== undefined,
      );
      await enter(guest, room, host);
      await host.ok('POST', `${pathOf(room)}/ban`, { user_id: guest.userId });
      await eventually(
        () => left(guest),
        (rooms) => JSON.stringify(rooms[room] ?? {}).includes('"ban"'),
      );
      await host.ok('POST', `${pathOf(room)}/unban`, { user_id: guest.userId });
    }, 90_000);

    test('refuses an invite', async () => {
      const [host, guest] = people();
      const room = await create(host, { preset: 'private_chat', room_version: version });
      await host.ok('POST', `${pathOf(room)}/invite`, { user_id: guest.userId });
      await eventually(
        () => invites(guest),
        (rooms) => rooms[room] !== undefined,
      );
      await guest.ok('POST', `${pathOf(room)}/leave`, {});
      await eventually(
        () => membership(host, room, guest.userId),
        (value) => value === 'leave',
      );
    }, 60_000);

    test('knocks, is let in', async () => {
      const [host, guest] = people();
      const room = await create(host, {
        preset: 'private_chat',
        room_version: version,
        initial_state: [{ type: 'm.room.join_rules', state_key: '', content: { join_rule: 'knock' } }],
      });
      const via = `?via=${nameOf(host)}&server_name=${nameOf(host)}`;
      await guest.ok('POST', `${v3}/knock/${encodeURIComponent(room)}${via}`, { reason: 'please' });
      await eventually(
        () => membership(host, room, guest.userId),
        (value) => value === 'knock',
      );
      await host.ok('POST', `${pathOf(room)}/invite`, { user_id: guest.userId });
      await eventually(
        () => invites(guest),
        (rooms) => rooms[room] !== undefined,
      );
      await enter(guest, room, host);
      await eventually(
        () => membership(host, room, guest.userId),
        (value) => value === 'join',
      );
    }, 60_000);

    test('joins a restricted room by membership of another', async () => {
      const [host, guest] = people();
      const open = await create(host, { preset: 'public_chat', room_version: version });
      await enter(guest, open, host);
      await eventually(
        () => membership(host, open, guest.userId),
        (value) => value === 'join',
      );
      const allow = [{ type: 'm.room_membership', room_id: open }];
      const content = { join_rule: 'restricted', allow };
      const room = await create(host, {
        preset: 'private_chat',
        room_version: version,
        initial_state: [{ type: 'm.room.join_rules', state_key: '', content }],
      });
      await enter(guest, room, host);
      await say(guest, room, 'restricted');
      await hears(host, room, 'restricted');
    }, 60_000);

    test('redacts; the other side forgets', async () => {
      const [host, guest] = people();
      const room = await create(host, { preset: 'public_chat', room_version: version });
      await enter(guest, room, host);
      const { event_id: id } = await say(guest, room, 'regretted');
      await hears(host, room, 'regretted');
      await guest.ok('PUT', `${pathOf(room)}/redact/${encodeURIComponent(id)}/r${transactions++}`, {});
      await eventually(
        () => messages(host, room),
        (events) => events.some((event) => event.event_id === id && event.content.body === undefined),
      );
    }, 60_000);

    test('changes state; both agree', async () => {
      const [host, guest] = people();
      const room = await create(host, {
        preset: 'public_chat',
        room_version: version,
        power_level_content_override: { users_default: 50 },
      });
      await enter(guest, room, host);
      for (const [index, client] of [host, guest, host].entries()) {
        await client.ok('PUT', `${pathOf(room)}/state/m.room.topic/`, { topic: `topic ${index}` });
        for (const other of [host, guest])
          await eventually(
            () => other.ok('GET', `${pathOf(room)}/state/m.room.topic/`).catch(() => undefined),
            (content) => content?.topic === `topic ${index}`,
          );
      }
    }, 60_000);
  });
});

test.skipIf(python === undefined)('aliases resolve in both directions', async () => {
  const alias = `room${Date.now()}`;
  for (const [host, guest] of [
    [ours, theirs],
    [theirs, ours],
  ] as const) {
    const room = await create(host, { preset: 'public_chat', room_alias_name: alias });
    const full = `#${alias}:${nameOf(host)}`;
    const joined = await guest.ok('POST', `${v3}/join/${encodeURIComponent(full)}`, {});
    expect(joined.room_id).toBe(room);
  }
});
