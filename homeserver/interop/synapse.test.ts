import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
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
  federation = await createFederation(0);
  nyx = await federation.add({ federation: { presence: true } });
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
}, 120_000);

const pathOf = (room: string) => `${v3}/rooms/${encodeURIComponent(room)}`;
const nameOf = (client: Client) => client.userId.slice(client.userId.indexOf(':') + 1);

/** Asks again until the answer meets the condition. */
async function eventually<T>(ask: () => Promise<T>, met: (answer: T) => boolean): Promise<T> {
  const answer = async () => {
    const last = await ask();
    if (met(last)) return last;
    throw new Error(`it did not come: ${JSON.stringify(last).slice(0, 1500)}`);
  };
  return vi.waitFor(answer, { timeout: 60_000, interval: 200 });
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
    }, 180_000);

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
    }, 180_000);

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
    }, 180_000);

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
    }, 180_000);

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
    }, 180_000);

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
    }, 180_000);

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
    }, 180_000);
  });
});

test.skipIf(python === undefined)(
  'aliases resolve in both directions',
  async () => {
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
  },
  180_000,
);

describe.skipIf(python === undefined).each(directions)('beside messages, %s', (_name, people) => {
  let room: string;
  let host: Client;
  let guest: Client;

  beforeAll(async () => {
    [host, guest] = people();
    room = await create(host, { preset: 'public_chat', room_version: '11', name: 'Life' });
    for (let index = 0; index < 500; index++) await say(host, room, `old ${index}`);
    await enter(guest, room, host);
  }, 240_000);

  test('scrolls back through 500 events to the beginning', async () => {
    const bodies = new Set<unknown>();
    let from = '';
    let last: Event | undefined;
    for (let page = 0; page < 60; page++) {
      const answer = await guest.ok('GET', `${pathOf(room)}/messages?dir=b&limit=50${from}`);
      for (const event of answer.chunk as Event[]) {
        last = event;
        if (typeof event.content.body === 'string') bodies.add(event.content.body);
      }
      if (answer.end === undefined) break;
      from = `&from=${encodeURIComponent(answer.end)}`;
    }
    expect(bodies.size).toBe(500);
    expect(last?.type).toBe('m.room.create');
  }, 240_000);

  test('typing is shown', async () => {
    const path = `${pathOf(room)}/typing/${encodeURIComponent(guest.userId)}`;
    await guest.ok('PUT', path, { typing: true, timeout: 60_000 });
    await eventually(
      () => host.ok('GET', `${v3}/sync?timeout=0`),
      (sync) => JSON.stringify(sync.rooms?.join?.[room]?.ephemeral ?? {}).includes(guest.userId),
    );
  }, 180_000);

  test('receipts are shown', async () => {
    const { event_id: id } = await say(host, room, 'read me');
    await hears(guest, room, 'read me');
    await guest.ok('POST', `${pathOf(room)}/receipt/m.read/${encodeURIComponent(id)}`, {});
    await eventually(
      () => host.ok('GET', `${v3}/sync?timeout=0`),
      (sync) => {
        const events: Event[] = sync.rooms?.join?.[room]?.ephemeral?.events ?? [];
        const receipts = events.filter(({ type }) => type === 'm.receipt');
        return JSON.stringify(receipts).includes(guest.userId);
      },
    );
  }, 180_000);

  test('profiles are told', async () => {
    const path = `${v3}/profile/${encodeURIComponent(host.userId)}`;
    await host.ok('PUT', `${path}/displayname`, { displayname: 'The Host' });
    await eventually(
      () => guest.ok('GET', path),
      ({ displayname }) => displayname === 'The Host',
    );
  }, 180_000);

  test('public rooms are listed', async () => {
    await host.ok('PUT', `${v3}/directory/list/room/${encodeURIComponent(room)}`, { visibility: 'public' });
    const list = await guest.ok('POST', `${v3}/publicRooms?server=${nameOf(host)}`, { limit: 50 });
    expect(list.chunk.map((entry: { room_id: string }) => entry.room_id)).toContain(room);
  }, 180_000);

  test('presence is shown', async () => {
    const path = `${v3}/presence/${encodeURIComponent(guest.userId)}/status`;
    const status = `here since ${transactions++}`;
    await guest.ok('PUT', path, { presence: 'unavailable', status_msg: status });
    await eventually(
      () => host.ok('GET', `${v3}/sync?timeout=0`),
      (sync) => JSON.stringify(sync.presence ?? {}).includes(status),
    );
  }, 180_000);

  const deviceOf = async (client: Client): Promise<string> =>
    (await client.ok('GET', `${v3}/account/whoami`)).device_id;
  test('a message to a device arrives, once', async () => {
    const device = await deviceOf(guest);
    const text = `for your device ${transactions++}`;
    const path = `${v3}/sendToDevice/org.example.note/d${transactions++}`;
    await host.ok('PUT', path, { messages: { [guest.userId]: { [device]: { text } } } });
    const heard = await eventually(
      () => guest.ok('GET', `${v3}/sync?timeout=0`),
      (sync) => JSON.stringify(sync.to_device ?? {}).includes(text),
    );
    const { next_batch: since } = heard;
    const after = await guest.ok('GET', `${v3}/sync?timeout=0&since=${encodeURIComponent(since)}`);
    expect(JSON.stringify(after.to_device ?? {})).not.toContain(text);
  }, 180_000);

  test('a space is walked to a room on the other server', async () => {
    const space = await create(guest, {
      preset: 'public_chat',
      name: 'Across',
      creation_content: { type: 'm.space' },
    });
    const child = await create(host, { preset: 'public_chat', name: 'Far child' });
    const path = `${pathOf(space)}/state/m.space.child/${encodeURIComponent(child)}`;
    await guest.ok('PUT', path, { via: [nameOf(host)] });
    const walked = await guest.ok('GET', `/_matrix/client/v1/rooms/${encodeURIComponent(space)}/hierarchy`);
    expect(walked.rooms.map(({ name }: { name?: string }) => name)).toEqual(['Across', 'Far child']);
  }, 180_000);

  test('an alias leads to the room', async () => {
    const name = `life${transactions++}`;
    const alias = `#${name}:${nameOf(host)}`;
    await host.ok('PUT', `${v3}/directory/room/${encodeURIComponent(alias)}`, { room_id: room });
    const found = await guest.ok('GET', `${v3}/directory/room/${encodeURIComponent(alias)}`);
    expect(found.room_id).toBe(room);
  }, 180_000);

  test('state that both change at the same moment ends the same on both sides', async () => {
    const levels = await host.ok('GET', `${pathOf(room)}/state/m.room.power_levels/`);
    const users = { ...levels.users, [guest.userId]: 100 };
    await host.ok('PUT', `${pathOf(room)}/state/m.room.power_levels/`, { ...levels, users });
    await eventually(
      () => guest.ok('GET', `${pathOf(room)}/state/m.room.power_levels/`),
      (content) => content.users[guest.userId] === 100,
    );
    for (let round = 0; round < 10; round++)
      await Promise.all(
        [host, guest].flatMap((client) => [
          client.ok('PUT', `${pathOf(room)}/state/m.room.topic/`, { topic: `${round} ${client.userId}` }),
          client.ok('PUT', `${pathOf(room)}/state/org.example.a/k`, { by: client.userId, round }),
        ]),
      );
    await say(host, room, 'end of host');
    await say(guest, room, 'end of guest');
    await hears(guest, room, 'end of host');
    await hears(host, room, 'end of guest');
    const stateOf = async (client: Client) => {
      const events: Event[] = await client.ok('GET', `${pathOf(room)}/state`);
      return events.map((event) => event.event_id).sort();
    };
    await eventually(
      async () => [await stateOf(host), await stateOf(guest)] as const,
      ([left, right]) => JSON.stringify(left) === JSON.stringify(right),
    );
  }, 240_000);
});
