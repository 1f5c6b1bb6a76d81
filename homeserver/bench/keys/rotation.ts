import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { tokenHash } from '../../src/domain/accounts/token-hash.ts';
import type { DemoServer } from '../../src/demo/demo-server.ts';
import { startDemo } from '../../src/demo/start-demo.ts';
import type { BenchClient, Session } from './http.ts';
import { benchClient, inParallel } from './http.ts';
import { untilCount } from './until.ts';

export type RotationFigures = {
  readonly milliseconds: number;
  /** 99th percentile of requests to both servers meanwhile, in ms. */
  readonly latencyP99: number;
  /** Signals beyond one per remaining device, on both servers together. */
  readonly surplus: number;
};

type Size = { readonly members: number; readonly devices: number };
type Place = {
  readonly server: DemoServer;
  readonly client: BenchClient;
  readonly db: mongoose.mongo.Db;
  readonly sessions: Session[];
};

const PARALLEL = 8;
const SETTLE_MS = 1_000;

type UserRow = { _id: string; createdAt: number };
type DeviceRow = {
  _id: string;
  session: string;
  userId: string;
  deviceId: string;
  createdAt: number;
  tokens: readonly object[];
};

/**
 * Users as a registration writes them, without a password, and with their devices: hashing passwords would take most of
 * the time of the bench.
 */
const addUsers = async ({ server, db, sessions }: Place, users: number, devices: number): Promise<void> => {
  const rows: DeviceRow[] = [];
  const accounts: UserRow[] = [];
  for (let index = 0; index < devices; index += 1) {
    const userId = `@member${index % users}:${server.name}`;
    const deviceId = `D${index}`;
    const token = `bench_${randomBytes(24).toString('base64url')}`;
    if (index < users) {
      accounts.push({ _id: userId, createdAt: 0 });
      sessions.push({ userId, deviceId, token });
    }
    rows.push({
      _id: `${userId} ${deviceId}`,
      session: `bench${index}`,
      userId,
      deviceId,
      createdAt: 0,
      tokens: [{ kind: 'access', hash: tokenHash(token), generation: 0 }],
    });
  }
  await db.collection<UserRow>('users').insertMany(accounts);
  await db.collection<DeviceRow>('devices').insertMany(rows);
};

const countSignals = (places: readonly Place[]): Promise<number[]> =>
  Promise.all(places.map(({ db }) => db.collection('toDevice').countDocuments({ type: 'chat.nyx.rotate' })));

/** Requests of a user who has nothing to do with it: a message elsewhere, a sync, a look at the own account. */
const probe = (places: readonly Place[], signal: AbortSignal): Promise<number[][]> =>
  Promise.all(
    places.map(async ({ client }, number) => {
      const { token } = await client.register(`bystander${number}`);
      const { room_id: room = '' } = await client.call(token, 'POST', '/createRoom', {});
      const { next_batch: since = '' } = await client.call(token, 'GET', '/sync?timeout=0');
      const latencies: number[] = [];
      const requests = [
        (turn: number) =>
          client.call(token, 'PUT', `/rooms/${encodeURIComponent(room)}/send/m.room.message/p${turn}`, {
            msgtype: 'm.text',
            body: 'meanwhile',
          }),
        () => client.call(token, 'GET', `/sync?timeout=0&since=${since}`),
        () => client.call(token, 'GET', '/account/whoami'),
      ] as const;
      for (let turn = 0; !signal.aborted; turn += 1) {
        const start = performance.now();
        await requests[turn % requests.length]?.(turn);
        latencies.push(performance.now() - start);
      }
      return latencies;
    }),
  );

const fill = async (first: Place, second: Place, size: Size): Promise<{ room: string; owner: Session }> => {
  const half = { users: size.members / 2, devices: size.devices / 2 };
  for (const place of [first, second]) await addUsers(place, half.users, half.devices);
  const [owner, ...others] = first.sessions;
  if (owner === undefined) throw new Error('no members');
  const { room_id: room = '' } = await first.client.call(owner.token, 'POST', '/createRoom', {
    preset: 'public_chat',
    initial_state: [
      { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
    ],
  });
  const path = `/join/${encodeURIComponent(room)}`;
  const enterAll = (client: BenchClient, joining: readonly Session[]) =>
    inParallel(joining.length, PARALLEL, (index) =>
      client.call(joining[index]?.token ?? '', 'POST', path, {}),
    );
  // One server after the other: joins on both at once would have each of them resolve the state of every fork.
  await enterAll(first.client, others);
  const [guest, ...guests] = second.sessions;
  const via = `${path}?server_name=${first.server.name}&via=${first.server.name}`;
  await second.client.call(guest?.token ?? '', 'POST', via, {});
  await enterAll(second.client, guests);
  for (const { client, server } of [first, second]) {
    const token = client === first.client ? owner.token : (guest?.token ?? '');
    await untilCount(`members of the room on ${server.name}`, size.members, async () => {
      const answer = await client.call(token, 'GET', `/rooms/${encodeURIComponent(room)}/joined_members`);
      return Object.keys(answer.joined ?? {}).length;
    });
  }
  return { room, owner };
};

/**
 * Two servers in processes of their own, half of the members on each: somebody is kicked, and every remaining device on
 * both must have the signal.
 */
export const benchRotation = async (size: Size): Promise<RotationFigures> => {
  await using demo = await startDemo({
    webClient: false,
    env: { NYX_RATE_LIMITS: 'off', NYX_REGISTRATION_OPEN: 'true' },
    report: () => undefined,
  });
  const mongo = new mongoose.mongo.MongoClient(demo.mongoUri);
  const [first, second] = demo.servers.map((server): Place => {
    return { server, client: benchClient(server.url), db: mongo.db(server.databaseName), sessions: [] };
  });
  if (first === undefined || second === undefined) throw new Error('no servers');
  const places = [first, second];
  try {
    const { room, owner } = await fill(first, second, size);
    const kicked = first.sessions.at(-1)?.userId ?? '';
    const gone = await first.db.collection('devices').countDocuments({ userId: kicked });
    const done = new AbortController();
    const probing = probe(places, done.signal);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const start = performance.now();
    await first.client.call(owner.token, 'POST', `/rooms/${encodeURIComponent(room)}/kick`, {
      user_id: kicked,
    });
    const expected = size.devices - gone;
    const total = async () => (await countSignals(places)).reduce((sum, count) => sum + count, 0);
    await untilCount('signals', expected, total);
    const milliseconds = performance.now() - start;
    done.abort();
    const latencies = (await probing).flat().toSorted((a, b) => a - b);
    // The second telling of each server comes after the first.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return {
      milliseconds,
      latencyP99: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
      surplus: (await total()) - expected,
    };
  } finally {
    await mongo.close();
  }
};
