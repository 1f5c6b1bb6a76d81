import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

const v3 = '/_matrix/client/v3';
const enc = encodeURIComponent;

type Row = { _id: string; r: string; p: number; s: number; j: string; rb?: string };
type Creation = { _id: string; at: number; host: string; process: string } & Record<string, unknown>;

let before: TestServer;
let alice: TestUser;

beforeAll(async () => {
  before = await createTestServer();
  alice = await before.register('alice');
}, 120_000);
afterAll(() => before.close());

it('completes at the next start what a crash left half done', async () => {
  const { db } = before.server.context.foundation;
  const events = db.collection<Row>('events');
  const creations = db.collection<Creation>('roomCreations');
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
    name: 'Whole',
    topic: 'or nothing',
  });
  const rows = await events.find({ r: room }).sort({ p: 1 }).toArray();
  // As after kill -9 in the middle of the write: the creation is noted, some of its events are there.
  await events.deleteMany({ r: room, p: { $gt: 3 } });
  await creations.insertOne({
    _id: room,
    at: 0,
    host: 'gone',
    process: 'gone',
    isPublic: false,
    events: rows,
    layers: [],
  });
  const { room_id: other } = await alice.ok('POST', `${v3}/createRoom`, {});
  const path = `${v3}/rooms/${enc(other)}`;
  const message = { msgtype: 'm.text', body: 'take it back' };
  const { event_id: said } = await alice.ok('PUT', `${path}/send/m.room.message/1`, message);
  const stored = await events.findOne({ _id: said });
  await alice.ok('PUT', `${path}/redact/${enc(said)}/2`, {});
  // As after a crash between the redaction and its effect.
  await events.updateOne({ _id: said }, { $set: { j: stored?.j ?? '' }, $unset: { rb: '' } });

  await using after = await createTestServer({ sameAs: before });
  const ask = async (where: string) => (await after.request('GET', where, { token: alice.token })).body;
  expect(await ask(`${v3}/rooms/${enc(room)}/state/m.room.name/`)).toEqual({ name: 'Whole' });
  const whole = await events.find({ r: room }).sort({ p: 1 }).toArray();
  expect(whole.map(({ _id }) => _id)).toEqual(rows.map(({ _id }) => _id));
  expect(await creations.countDocuments()).toBe(0);
  const shown = await ask(`${path}/event/${enc(said)}`);
  expect(shown.content).toEqual({});
  expect(shown.unsigned.redacted_because.type).toBe('m.room.redaction');
}, 120_000);
