import { afterAll, beforeAll, expect, it } from 'vitest';
import { SocketClient } from '../socket/socket-client.ts';
import { HttpUser, type Place } from './http-user.ts';
import { install, type Installation, type ServerProcess } from './own-services.ts';

const v3 = '/_matrix/client/v3';
const enc = encodeURIComponent;
const MESSAGES = process.env.NYX_TEST_LONG === '1' ? 10_000 : 200;
const LANES = 4;
const PATIENT = { timeout: 800_000, interval: 20 };

// Tests look into answers freely; what does not fit fails them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

let installation: Installation;

beforeAll(async () => {
  installation = await install();
}, 120_000);
afterAll(() => installation[Symbol.asyncDispose]());

/** A server process that may be killed and started again under the same place. */
const restartable = async () => {
  let process: ServerProcess = await installation.startServer();
  const place: Place = { url: process.url };
  return {
    place,
    kill: async () => {
      await process.signal('SIGKILL');
      process = await installation.startServer();
      place.url = process.url;
    },
  };
};

/** Event ids of a room in the order in which a client learns them; fills gaps as clients do. */
class Seen {
  readonly ids: string[] = [];
  readonly #user: HttpUser;
  readonly #room: string;

  constructor(user: HttpUser, room: string) {
    this.#user = user;
    this.#room = room;
  }

  async take(place: Place, body: Json, since: string): Promise<void> {
    const timeline = body.rooms?.join?.[this.#room]?.timeline;
    if (timeline === undefined) return;
    const missing: string[] = [];
    if (timeline.limited === true) {
      let from = timeline.prev_batch;
      for (;;) {
        const path = `${v3}/rooms/${enc(this.#room)}/messages?dir=b&limit=500&from=${from}&to=${since}`;
        const page = await this.#user.ask(place, 'GET', path);
        missing.push(...page.chunk.map((event: Json) => event.event_id));
        if (page.end === undefined || page.chunk.length === 0) break;
        from = page.end;
      }
    }
    this.ids.push(...missing.toReversed(), ...timeline.events.map((event: Json) => event.event_id));
  }
}

const filter = { room: { timeline: { limit: 200 } } };

/** Reads by /sync until told to stop. */
const poll = async (
  place: Place,
  user: HttpUser,
  seen: Seen,
  start: string,
  signal: AbortSignal,
): Promise<void> => {
  let since = start;
  while (!signal.aborted) {
    const path = `${v3}/sync?since=${since}&timeout=1000&filter=${enc(JSON.stringify(filter))}`;
    const body = await user.ask(place, 'GET', path);
    await seen.take(place, body, since);
    since = body.next_batch;
  }
};

/** Reads by the socket, and resumes whenever it breaks. */
const listen = async (
  place: Place,
  user: HttpUser,
  seen: Seen,
  start: string,
  signal: AbortSignal,
): Promise<number> => {
  let since = start;
  let connections = 0;
  while (!signal.aborted) {
    const socket = new SocketClient(place.url, { authorization: `Bearer ${user.token}` });
    connections += 1;
    const leave = () => socket.socket.close();
    signal.addEventListener('abort', leave);
    try {
      await socket.next('ready');
      socket.send({ type: 'sync', since, filter });
      for (;;) {
        const { body } = await socket.next('sync');
        await seen.take(place, body, since);
        since = body.next_batch;
        socket.send({ type: 'ack', next_batch: since });
      }
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('closed:')) throw error;
    } finally {
      signal.removeEventListener('abort', leave);
      await socket[Symbol.asyncDispose]();
    }
  }
  return connections;
};

it('misses nothing and tells nothing twice while both processes are killed in turn', async () => {
  const one = await restartable();
  const two = await restartable();
  const alice = await HttpUser.register(one.place, 'alice');
  const bob = await HttpUser.register(two.place, 'bob');
  const carol = await HttpUser.register(two.place, 'carol');
  const { room_id: room } = await alice.ask(one.place, 'POST', `${v3}/createRoom`, { preset: 'public_chat' });
  for (const user of [bob, carol]) await user.ask(two.place, 'POST', `${v3}/join/${enc(room)}`, {});

  const sent = new Set<string>();
  const polled = new Seen(bob, room);
  const heard = new Seen(carol, room);
  const stop = new AbortController();
  const { next_batch: bobAt } = await bob.ask(two.place, 'GET', `${v3}/sync`);
  const { next_batch: carolAt } = await carol.ask(two.place, 'GET', `${v3}/sync`);
  const reading = Promise.all([
    poll(two.place, bob, polled, bobAt, stop.signal),
    listen(two.place, carol, heard, carolAt, stop.signal),
  ]);
  reading.catch(() => undefined);

  const lane = async (number: number) => {
    for (let n = 0; n < MESSAGES / LANES; n++) {
      const path = `${v3}/rooms/${enc(room)}/send/m.room.message/${number}-${n}`;
      const content = { msgtype: 'm.text', body: `${number} ${n}` };
      sent.add((await alice.ask(one.place, 'PUT', path, content)).event_id);
    }
  };
  const guests = await Promise.all(
    Array.from({ length: 6 }, (_, n) => HttpUser.register(n % 2 === 0 ? one.place : two.place, `guest${n}`)),
  );
  const churn = async () => {
    for (let n = 0; sent.size < MESSAGES; n++) {
      const guest = guests[n % guests.length];
      const [first, second] = n % 2 === 0 ? [one.place, two.place] : [two.place, one.place];
      await guest?.ask(first, 'POST', `${v3}/join/${enc(room)}`, {});
      await guest?.ask(second, 'POST', `${v3}/rooms/${enc(room)}/leave`, {});
    }
  };
  const kills = async () => {
    for (const [share, process] of [
      [1 / 3, one],
      [2 / 3, two],
    ] as const) {
      await expect.poll(() => sent.size, PATIENT).toBeGreaterThanOrEqual(MESSAGES * share);
      await process.kill();
    }
  };
  const churning = churn();
  churning.catch(() => undefined);
  await Promise.all([...Array.from({ length: LANES }, (_, number) => lane(number)), kills()]);
  await churning;
  const complete = ({ ids }: Seen): boolean => {
    const seen = new Set(ids);
    return [...sent].every((id) => seen.has(id));
  };
  await expect.poll(() => complete(polled) && complete(heard), { timeout: 60_000, interval: 50 }).toBe(true);
  stop.abort();
  const [, connections] = await reading;

  expect(sent.size).toBe(MESSAGES);
  for (const { ids } of [polled, heard]) {
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => sent.has(id)).length).toBe(MESSAGES);
  }
  // The socket was at the process that was killed.
  expect(connections).toBeGreaterThan(1);
}, 900_000);
