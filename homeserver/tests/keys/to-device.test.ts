import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestResponse, TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { makeDevice } from './signing-device.ts';

const SYNC = '/_matrix/client/v3/sync';
const UPLOAD = '/_matrix/client/v3/keys/upload';

const sync = (user: TestUser, since?: string, timeout = 0) =>
  user.ok('GET', `${SYNC}?timeout=${timeout}${since === undefined ? '' : `&since=${since}`}`);

/** Syncs on until the answer meets the condition: presence and the like may come first. */
const until = async (
  user: TestUser,
  since: string,
  met: (answer: TestResponse['body']) => boolean,
): Promise<TestResponse['body']> => {
  let token = since;
  for (;;) {
    const answer = await sync(user, token, 20_000);
    if (met(answer)) return answer;
    token = answer.next_batch;
  }
};

const send = (from: TestUser, txnId: string, messages: object) =>
  from.ok('PUT', `/_matrix/client/v3/sendToDevice/test.type/${txnId}`, { messages });

const bodies = (answer: { to_device?: { events: { content: { body: string } }[] } }): string[] =>
  (answer.to_device?.events ?? []).map(({ content }) => content.body);

describe('messages to devices', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;

  beforeAll(async () => {
    server = await createTestServer();
    alice = await server.register('alice');
    bob = await server.register('bob');
  });

  afterAll(() => server.close());

  const to = (user: TestUser, body: string, device = user.deviceId) => ({
    [user.userId]: { [device]: { body } },
  });

  it('wakes a waiting sync, repeats until receipt is proven, then is gone', async () => {
    const { next_batch: start } = await sync(bob);
    const waiting = until(bob, start, ({ to_device: inbox }) => inbox !== undefined);
    await send(alice, 'wake', to(bob, 'hello'));
    const answer = await waiting;
    expect(answer.to_device.events).toEqual([
      { sender: alice.userId, type: 'test.type', content: { body: 'hello' } },
    ]);
    expect(bodies(await sync(bob, start))).toEqual(['hello']);
    expect(bodies(await sync(bob, answer.next_batch))).toEqual([]);
    expect(bodies(await sync(bob, start))).toEqual([]);
  });

  it('sends once under one transaction id, per device and type', async () => {
    const { next_batch: start } = await sync(bob);
    await send(alice, 'same', to(bob, 'one'));
    await send(alice, 'same', to(bob, 'two'));
    const first = await sync(bob, start);
    expect(bodies(first)).toEqual(['one']);
    await sync(bob, first.next_batch);
    await send(alice, 'same', to(bob, 'three'));
    expect(bodies(await sync(bob, first.next_batch))).toEqual([]);
    const other = await server.login(alice);
    await send(other, 'same', to(bob, 'from the other device'));
    expect(bodies(await sync(bob, first.next_batch))).toEqual(['from the other device']);
  });

  it('reaches all devices of a user by a star and no unknown ones', async () => {
    const carol = await server.register('carol');
    const second = await server.login(carol);
    const [one, two] = [await sync(carol), await sync(second)];
    await send(alice, 'star', { ...to(carol, 'all', '*'), ...to(bob, 'nobody', 'UNKNOWN') });
    expect(bodies(await sync(carol, one.next_batch))).toEqual(['all']);
    expect(bodies(await sync(second, two.next_batch))).toEqual(['all']);
  });

  it('gives 100 at a time, in order', async () => {
    const dave = await server.register('dave');
    let { next_batch: since } = await sync(dave);
    await Promise.all(
      Array.from({ length: 250 }, (_, index) => send(alice, `many${index}`, to(dave, `m${index}`))),
    );
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let page = 0; page < 4; page += 1) {
      const answer = await sync(dave, since);
      sizes.push(bodies(answer).length);
      seen.push(...bodies(answer));
      since = answer.next_batch;
    }
    expect(sizes).toEqual([100, 100, 50, 0]);
    expect(seen.toSorted()).toEqual(Array.from({ length: 250 }, (_, index) => `m${index}`).toSorted());
  });

  it('tells true key counts in every sync, and asks who is low on keys at once', async () => {
    const erin = await server.register('erin');
    const device = makeDevice(erin);
    await erin.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(51, 'count'),
      fallback_keys: device.fallbackKey('spare'),
    });
    const first = await sync(erin);
    expect(first.device_one_time_keys_count).toEqual({ signed_curve25519: 51 });
    expect(first.device_unused_fallback_key_types).toEqual(['signed_curve25519']);
    const claim = { one_time_keys: { [erin.userId]: { [erin.deviceId]: 'signed_curve25519' } } };
    await alice.ok('POST', '/_matrix/client/v3/keys/claim', claim);
    const second = await sync(erin, first.next_batch);
    expect(second.device_one_time_keys_count).toEqual({ signed_curve25519: 50 });
    const waiting = until(erin, second.next_batch, ({ device_one_time_keys_count: counts }) => {
      return counts.signed_curve25519 === 49;
    });
    await alice.ok('POST', '/_matrix/client/v3/keys/claim', claim);
    expect((await waiting).device_one_time_keys_count).toEqual({ signed_curve25519: 49 });
  });

  it('tells changed device lists to those who share a room, and to no others', async () => {
    const [frank, grace, heidi] = await Promise.all(
      ['frank', 'grace', 'heidi'].map((name) => server.register(name)),
    );
    if (frank === undefined || grace === undefined || heidi === undefined) throw new Error('no users');
    const { room_id: room } = await frank.ok('POST', '/_matrix/client/v3/createRoom', {
      preset: 'public_chat',
    });
    const [before, stranger] = [await sync(frank), await sync(heidi)];
    await grace.ok('POST', `/_matrix/client/v3/join/${encodeURIComponent(room)}`, {});
    const met = await sync(frank, before.next_batch);
    expect(met.device_lists?.changed).toEqual([grace.userId]);
    const device = makeDevice(grace);
    await grace.ok('POST', UPLOAD, { device_keys: device.deviceKeys() });
    const changed = await sync(frank, met.next_batch);
    expect(changed.device_lists?.changed).toEqual([grace.userId]);
    expect((await sync(heidi, stranger.next_batch)).device_lists?.changed ?? []).toEqual([]);
    await grace.ok('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/leave`, {});
    const left = await sync(frank, changed.next_batch);
    expect(left.device_lists?.left).toEqual([grace.userId]);
    const away = (from: string, to: string) =>
      frank.ok('GET', `/_matrix/client/v3/keys/changes?from=${from}&to=${to}`);
    expect(await away(before.next_batch, changed.next_batch)).toEqual({ changed: [], left: [] });
    expect(await away(met.next_batch, left.next_batch)).toEqual({ changed: [], left: [grace.userId] });
    const junk = await frank.request('GET', '/_matrix/client/v3/keys/changes?from=junk&to=s1');
    expect(junk.status).toBe(400);
  });
});
