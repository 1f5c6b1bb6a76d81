import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HttpUser, type Place } from './http-user.ts';
import { install, type Installation } from './own-services.ts';

const v3 = '/_matrix/client/v3';
const enc = encodeURIComponent;
const ROUNDS = process.env.NYX_TEST_LONG === '1' ? 25 : 2;
const SEED = Number(process.env.NYX_TEST_SEED ?? Date.now() % 1_000_000);
/** The process is killed after so many answers at most. */
const MAX_ANSWERS = 60;

// Tests look into answers freely; what does not fit fails them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

let installation: Installation;
let random = SEED;
/** Numbers in [0, 1), the same for the same seed. */
const next = (): number => (random = (random * 48_271 + 11) % 2_147_483_647) / 2_147_483_647;

beforeAll(async () => {
  console.info(`[killed-writes] NYX_TEST_SEED=${SEED}`);
  installation = await install();
}, 120_000);
afterAll(() => installation[Symbol.asyncDispose]());

const STATE = ['m.room.create', 'm.room.power_levels', 'm.room.join_rules', 'm.room.name', 'm.room.topic'];

it('leaves nothing half done when it is killed at createRoom, join, send and upload', async () => {
  let server = await installation.startServer();
  const place: Place = { url: server.url };
  const alice = await HttpUser.register(place, 'alice');
  const bob = await HttpUser.register(place, 'bob');
  const { room_id: hall } = await alice.ask(place, 'POST', `${v3}/createRoom`, { preset: 'public_chat' });
  const sent = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round++) {
    const created: string[] = [];
    const opened: string[] = [];
    for (let n = 0; n < 4; n++) {
      opened.push((await alice.ask(place, 'POST', `${v3}/createRoom`, { preset: 'public_chat' })).room_id);
    }
    const joined: string[] = [];
    const uploaded: { uri: string; bytes: Buffer }[] = [];
    const isOver = { now: false };
    const answered = { count: 0 };
    const until = async (work: (n: number) => Promise<boolean>): Promise<void> => {
      for (let n = 0; !isOver.now && (await work(n)); n++) answered.count += 1;
    };
    const room = { preset: 'private_chat', name: 'Whole', topic: 'or nothing', invite: [bob.userId] };
    const txns: string[] = [];
    const writes = [
      until(async () => {
        const answer = await alice.attempt(place, 'POST', `${v3}/createRoom`, room);
        if (answer !== undefined) created.push(answer.room_id);
        return answer !== undefined;
      }),
      until(async (n) => {
        const wanted = opened[n];
        if (wanted === undefined) return false;
        const answer = await bob.attempt(place, 'POST', `${v3}/join/${enc(wanted)}`, {});
        if (answer !== undefined) joined.push(wanted);
        return answer !== undefined;
      }),
      ...[0, 1, 2].map((lane) =>
        until(async (n) => {
          const txn = `r${round}-${lane}-${n}`;
          txns.push(txn);
          const answer = await alice.attempt(place, 'PUT', sendPath(hall, txn), text(txn));
          if (answer !== undefined) sent.set(txn, answer.event_id);
          return answer !== undefined;
        }),
      ),
      until(async () => {
        const bytes = randomBytes(200_000);
        const answer = await alice.attempt(place, 'POST', '/_matrix/media/v3/upload', bytes);
        if (answer !== undefined) uploaded.push({ uri: answer.content_uri, bytes });
        return answer !== undefined;
      }),
    ];
    const target = 1 + Math.floor(next() * MAX_ANSWERS);
    await expect.poll(() => answered.count, { timeout: 60_000, interval: 1 }).toBeGreaterThanOrEqual(target);
    await server.signal('SIGKILL');
    isOver.now = true;
    await Promise.all(writes);

    server = await installation.startServer();
    place.url = server.url;
    // Every room there is has all of what it was made with; those that were acknowledged are there.
    const { joined_rooms: rooms } = await alice.ask(place, 'GET', `${v3}/joined_rooms`);
    for (const id of created) expect(rooms).toContain(id);
    for (const id of rooms as string[]) {
      const state: Json[] = await alice.ask(place, 'GET', `${v3}/rooms/${enc(id)}/state`);
      const types = state.map(({ type }) => type);
      const isWhole = types.includes('m.room.name');
      expect(types).toEqual(expect.arrayContaining(STATE.slice(0, isWhole ? STATE.length : 3)));
      if (isWhole || created.includes(id)) {
        expect(types).toContain('m.room.topic');
        const invite = state.find(({ state_key: key }) => key === bob.userId);
        expect(invite?.content.membership).toBe('invite');
      }
    }
    // What bob was invited to is a room that exists.
    const sync = await bob.ask(place, 'GET', `${v3}/sync`);
    const mine = new Set(rooms as string[]);
    for (const id of Object.keys(sync.rooms?.invite ?? {})) expect(mine.has(id)).toBe(true);
    for (const id of joined) expect(Object.keys(sync.rooms.join)).toContain(id);
    // A repeat of what was not answered is the event that is there, if it is.
    for (const txn of txns) {
      const { event_id: id } = await alice.ask(place, 'PUT', sendPath(hall, txn), text(txn));
      if (sent.has(txn)) expect(id).toBe(sent.get(txn));
      sent.set(txn, id);
    }
    for (const { uri, bytes } of uploaded) {
      const response = await fetch(
        `${place.url}/_matrix/client/v1/media/download/${uri.slice('mxc://'.length)}`,
        {
          headers: { authorization: `Bearer ${alice.token}` },
        },
      );
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    }
  }
  // Each message once, whatever was lost on the way.
  const bodies: string[] = [];
  const ids = new Set<string>();
  for (let from: string | undefined = ''; from !== undefined;) {
    const path = `${v3}/rooms/${enc(hall)}/messages?dir=b&limit=500${from === '' ? '' : `&from=${from}`}`;
    const page = await alice.ask(place, 'GET', path);
    for (const { type, content, event_id: id } of page.chunk) {
      if (type !== 'm.room.message') continue;
      bodies.push(content.body);
      ids.add(id);
    }
    from = page.chunk.length === 0 ? undefined : page.end;
  }
  expect(new Set(bodies).size).toBe(bodies.length);
  expect(ids).toEqual(new Set(sent.values()));
}, 900_000);

const text = (body: string) => ({ msgtype: 'm.text', body });
const sendPath = (room: string, txn: string): string => `${v3}/rooms/${enc(room)}/send/m.room.message/${txn}`;
