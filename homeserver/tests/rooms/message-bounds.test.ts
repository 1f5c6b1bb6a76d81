import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

const v3 = '/_matrix/client/v3';

let server: TestServer;
let alice: TestUser;

beforeAll(async () => {
  server = await createTestServer();
  alice = await server.register('alice');
});
afterAll(() => server.close());

it('pages exactly what lies between two tokens of /sync, in both directions', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {});
  const path = `${v3}/rooms/${encodeURIComponent(room)}`;
  const say = async (n: number): Promise<string> =>
    (await alice.ok('PUT', `${path}/send/m.room.message/${n}`, { msgtype: 'm.text', body: `${n}` })).event_id;
  const now = async (): Promise<string> => (await alice.ok('GET', `${v3}/sync`)).next_batch;
  await say(0);
  const before = await now();
  const between = [await say(1), await say(2), await say(3)];
  const after = await now();
  await say(4);
  const page = async (query: string): Promise<string[]> =>
    (await alice.ok('GET', `${path}/messages?${query}`)).chunk.map(
      ({ event_id: id }: { event_id: string }) => id,
    );
  expect(await page(`dir=b&from=${after}&to=${before}`)).toEqual(between.toReversed());
  expect(await page(`dir=f&from=${before}&to=${after}`)).toEqual(between);
});
