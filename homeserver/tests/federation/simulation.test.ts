import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import { SeededRandom } from '@nyx/federation/testing/seeded-random.ts';
import { startKillable, type KillableServer } from '../../src/testing/killable-server.ts';
import { FaultyNetwork, type NetworkLink } from './faulty-network.ts';

// Three servers, each in a process of its own, whose network falls apart, whose processes are killed, and whose clocks
// disagree. In the end they know the same.
const IS_LONG = process.env.NYX_TEST_LONG !== undefined;
const OPERATIONS = Number(process.env.NYX_TEST_OPERATIONS ?? (IS_LONG ? 2_000 : 60));
const SEED = Number(process.env.NYX_TEST_SEED ?? Math.floor(Math.random() * 1e9));
const SKEWS = [0, 90_000, -150_000];
vi.setConfig({ testTimeout: IS_LONG ? 1_500_000 : 240_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
const part = encodeURIComponent;

type Member = { readonly server: number; readonly userId: string; readonly token: string };
type Node = { readonly server: KillableServer; readonly link: NetworkLink };

const authority = new TestCertificateAuthority();
const network = new FaultyNetwork(authority);
const random = new SeededRandom(SEED);
/** Of its own: how many requests there are depends on the machine, and must not change what is done. */
const losses = new SeededRandom(SEED + 1);
const nodes: Node[] = [];
/** One of each server who never leaves, so that no server leaves the room; the first made it. */
const anchors: Member[] = [];
const others: Member[] = [];
let folder: string;
let room: string;

const nodeOf = (index: number): Node => {
  const node = nodes[index];
  if (node === undefined) throw new Error('no such server');
  return node;
};
const as = ({ server, token }: Member, method: string, path: string, body?: unknown) =>
  nodeOf(server).server.ok(method, path, body, token);
const inRoom = (path: string) => `${v3}/rooms/${part(room)}${path}`;

const startNode = async (skewMs: number, caFile: string): Promise<void> => {
  const link = await network.link();
  const config = { federation: { maxRetryInterval: '1s' } };
  const server = await startKillable(authority, caFile, { name: link.name, skewMs, config });
  link.target = server.url;
  nodes.push({ server, link });
};

const register = async (server: number, username: string): Promise<Member> => {
  const body = { username, password: 'correct horse battery staple', auth: { type: 'm.login.dummy' } };
  const { user_id: userId, access_token: token } = await nodeOf(server).server.ok(
    'POST',
    `${v3}/register`,
    body,
  );
  return { server, userId: String(userId), token: String(token) };
};

beforeAll(async () => {
  console.log(`simulation: ${OPERATIONS} operations, seed ${SEED} (NYX_TEST_SEED)`);
  folder = mkdtempSync(join(tmpdir(), 'nyx-simulation-'));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.cert);
  for (const skew of SKEWS) await startNode(skew, caFile);
  for (const index of nodes.keys()) {
    anchors.push(await register(index, `anchor${index}`));
    others.push(await register(index, `other${index}`));
  }
  const [creator] = anchors;
  if (creator === undefined) throw new Error('nobody');
  const users = Object.fromEntries(anchors.slice(1).map(({ userId }) => [userId, 50]));
  const created = await as(creator, 'POST', `${v3}/createRoom`, {
    preset: 'public_chat',
    room_version: '11',
    power_level_content_override: {
      users: { [creator.userId]: 100, ...users },
      events: { 'm.room.topic': 0 },
    },
  });
  room = String(created.room_id);
  for (const member of [...anchors.slice(1), ...others]) await join_(member);
});
afterAll(async () => {
  for (const { server, link } of nodes) {
    await server[Symbol.asyncDispose]();
    await link[Symbol.asyncDispose]();
  }
  rmSync(folder, { recursive: true, force: true });
});

const join_ = async (member: Member): Promise<void> => {
  const via = nodes.map(({ link }) => `via=${part(link.name)}`).join('&');
  await as(member, 'POST', `${v3}/join/${part(room)}?${via}`, {});
};

/** Ids of events that a server told a client it has. */
const acknowledged = new Set<string>();
const killed = new Set<number>();
let counter = 0;

const attempt = async (work: () => Promise<Record<string, unknown>>): Promise<void> => {
  // Down, cut off, not allowed (any more): nothing was promised.
  const answer = await work().catch(() => undefined);
  if (typeof answer?.event_id === 'string') acknowledged.add(answer.event_id);
};
const state = (by: Member, type: string, key: string, content: object) =>
  attempt(() => as(by, 'PUT', inRoom(`/state/${type}/${part(key)}`), content));

const kill = async (index: number): Promise<void> => {
  if (killed.has(index)) return;
  killed.add(index);
  nodeOf(index).link.target = undefined;
  await nodeOf(index).server.kill();
};
const revive = async (index: number): Promise<void> => {
  if (!killed.delete(index)) return;
  const { server, link } = nodeOf(index);
  await server.start();
  link.target = server.url;
};

async function operate(): Promise<void> {
  const number = counter++;
  const member = random.pick([...anchors, ...others]);
  const victim = random.pick(others);
  const moderator = random.pick(anchors);
  const dice = random.below(100);
  if (dice < 55) {
    const burst = 1 + random.below(3);
    await Promise.all(
      Array.from({ length: burst }, (_, index) =>
        attempt(() =>
          as(member, 'PUT', inRoom(`/send/m.room.message/s${number}.${index}`), {
            msgtype: 'm.text',
            body: `message ${number}.${index}`,
          }),
        ),
      ),
    );
  } else if (dice < 65) await state(member, 'm.room.topic', '', { topic: `topic ${number}` });
  else if (dice < 70) await state(moderator, 'm.room.name', '', { name: `name ${number}` });
  else if (dice < 75)
    await state(moderator, 'm.room.join_rules', '', { join_rule: random.pick(['public', 'invite']) });
  else if (dice < 80) await attempt(() => as(moderator, 'POST', inRoom('/kick'), { user_id: victim.userId }));
  else if (dice < 83) await attempt(() => as(moderator, 'POST', inRoom('/ban'), { user_id: victim.userId }));
  else if (dice < 86)
    await attempt(() => as(moderator, 'POST', inRoom('/unban'), { user_id: victim.userId }));
  else if (dice < 90) await attempt(() => join_(victim).then(() => ({})));
  else if (dice < 92) await attempt(() => as(victim, 'POST', inRoom('/leave'), {}));
  else if (dice < 96) {
    const [one, other] = random.shuffle(nodes);
    if (one !== undefined && other !== undefined) network.cut(one.link.name, other.link.name);
  } else if (dice < 99) network.heal();
  // A process is killed now and then: starting it again takes seconds.
  if (number % 60 === 40) await kill(random.below(nodes.length));
  if (number % 60 === 55) for (const index of [...killed]) await revive(index);
}

/** Events of which it is told where they are on each server, when servers do not agree. */
const MAX_EXPLAINED = 5;

type Known = { readonly events: ReadonlySet<string>; readonly rejected: ReadonlySet<string> };

/** What a server has taken in, soft-failed events included: those are a server's own view of the same events. */
const known = async ({ server }: Node): Promise<Known> => {
  const client = new mongoose.mongo.MongoClient(server.mongoUri);
  try {
    const db = client.db(server.databaseName);
    const accepted = await db
      .collection('events')
      .find({ r: room }, { projection: { _id: 1 } })
      .toArray();
    const apart = await db
      .collection('eventsApart')
      .find({ r: room }, { projection: { st: 1 } })
      .toArray();
    const ids = accepted.map(({ _id }) => String(_id));
    const soft = apart.filter(({ st }) => st === 'soft-failed').map(({ _id }) => String(_id));
    const rejected = apart.filter(({ st }) => st === 'rejected').map(({ _id }) => String(_id));
    return { events: new Set([...ids, ...soft]), rejected: new Set(rejected) };
  } finally {
    await client.close();
  }
};

type Row = { _id: string; st?: string; j?: string; json?: string; sb?: string; sa?: string };
type Layer = { _id: string; b: string[]; e: string };

/** Where an event is on a server and what it stands on, for whoever has to find out why servers disagree. */
const fateOf = async ({ server }: Node, id: string): Promise<string> => {
  const client = new mongoose.mongo.MongoClient(server.mongoUri);
  try {
    const db = client.db(server.databaseName);
    const layers = db.collection<Layer>('stateLayers');
    const find = async (event: string) => {
      for (const name of ['events', 'eventsApart', 'federation_staged']) {
        const row = await db.collection<Row>(name).findOne({ _id: event });
        if (row !== null) return { name, row };
      }
      return undefined;
    };
    const member = async (top: string | undefined, user: string): Promise<string> => {
      const first = await layers.findOne({ _id: top ?? '' });
      for (const layer of first === null ? [] : [first._id, ...first.b]) {
        const flat = JSON.parse((await layers.findOne({ _id: layer }))?.e ?? '[]') as string[];
        for (let at = 0; at < flat.length; at += 3)
          if (flat[at] === 'm.room.member' && flat[at + 1] === user) return (flat[at + 2] ?? '').slice(0, 9);
      }
      return 'none';
    };
    const found = await find(id);
    const logged = server.log.split('\n').filter((line) => line.includes(id));
    const reasons = logged.map((line) => /"reason":"[^"]*"/.exec(line)?.[0]).join(' ');
    if (found === undefined) return `nowhere ${reasons}`;
    const pdu = JSON.parse(found.row.j ?? found.row.json ?? '{}') as Record<string, unknown>;
    const sender = String(pdu.sender);
    const describe = async ({ name, row }: { name: string; row: Row }) =>
      `${name} ${row.st ?? ''} ${await member(row.sb, sender)}>${await member(row.sa ?? row.sb, sender)}`;
    const previous = await Promise.all(
      (pdu.prev_events as string[]).map(async (event) => {
        const one = await find(event);
        const { sender: by, type, content } = JSON.parse(one?.row.j ?? '{}') as Record<string, unknown>;
        return `\n    ${event.slice(0, 6)} ${one && (await describe(one))} ${String(by)} ${String(type)} ${JSON.stringify(content)}`;
      }),
    );
    return `${String(pdu.type)} ${sender} d${String(pdu.depth)} ${await describe(found)} ${reasons}${previous.join('')}`;
  } finally {
    await client.close();
  }
};

const stateOf = async (member: Member): Promise<string[]> => {
  const events = (await as(member, 'GET', inRoom('/state'))) as unknown as { event_id: string }[];
  return events.map(({ event_id: id }) => id).sort();
};

// In the long tests alone: it takes minutes, and some seeds still end apart (docs/STATUS.md).
test.runIf(IS_LONG)('three servers agree after partitions, kills and skewed clocks', async () => {
  // What happened before the others joined is history to them, which nobody has asked for.
  const before = (await Promise.all(nodes.map(known))).flatMap(({ events }) => [...events]);
  network.losesAnswer = () => losses.chance(0.02);
  while (counter < OPERATIONS) await operate();
  network.heal();
  network.losesAnswer = () => false;
  for (const index of nodes.keys()) await revive(index);
  // Somebody says something on each: whoever missed the end learns of it with the next event.
  for (const anchor of anchors)
    await attempt(() =>
      as(anchor, 'PUT', inRoom(`/send/m.room.message/last${anchor.server}`), {
        msgtype: 'm.text',
        body: 'the end',
      }),
    );
  const agreed = async () => {
    const all = await Promise.all(nodes.map(known));
    const union = new Set(all.flatMap(({ events }) => [...events]));
    // State that is set to what it is already answers the event that did so first, perhaps before the others came.
    const lost = [...acknowledged].filter((id) => !union.has(id));
    for (const id of before) union.delete(id);
    return { missing: all.map(({ events }) => [...union].filter((id) => !events.has(id))), lost };
  };
  const explain = async () => {
    const { missing, lost } = await agreed();
    for (const id of [...new Set([...lost, ...missing.flat()])].slice(0, MAX_EXPLAINED))
      for (const [index, node] of nodes.entries()) console.log(id, index, await fateOf(node, id));
  };
  await expect
    .poll(agreed, { timeout: Number(process.env.NYX_POLL ?? (IS_LONG ? 600_000 : 180_000)), interval: 500 })
    .toEqual({ missing: [[], [], []], lost: [] })
    .catch(async (error: unknown) => {
      await explain();
      throw error;
    });
  const states = await Promise.all(anchors.map(stateOf));
  expect(states[1]).toEqual(states[0]);
  expect(states[2]).toEqual(states[0]);
  console.log(`simulation: ${acknowledged.size} events acknowledged, state of ${states[0]?.length} events`);
});
