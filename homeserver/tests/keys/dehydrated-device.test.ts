import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { makeDevice } from './signing-device.ts';

const V3 = '/_matrix/client/v3';
const PATH = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device';

describe('dehydrated devices', () => {
  let federation: TestFederation;
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  let carol: TestUser;

  beforeAll(async () => {
    federation = await createFederation(2);
    const [one, two] = federation.servers;
    if (one === undefined || two === undefined) throw new Error('no servers');
    server = one;
    alice = await one.register('alice');
    bob = await one.register('bob');
    carol = await two.register('carol');
  }, 120_000);
  afterAll(() => federation[Symbol.asyncDispose]());

  const data = { algorithm: 'm.dehydration.v2.olm', device_pickle: 'cGlja2xl', nonce: 'bm9uY2U' };
  const bodyFor = (user: TestUser, deviceId: string, keys = 5) => {
    const device = makeDevice({ userId: user.userId, deviceId });
    return {
      device,
      body: {
        device_id: deviceId,
        device_data: data,
        initial_device_display_name: 'Dehydrated device',
        device_keys: device.sign({ ...device.deviceKeys(), dehydrated: true }),
        one_time_keys: device.oneTimeKeys(keys, deviceId),
        fallback_keys: device.fallbackKey('spare'),
      },
    };
  };
  let transactions = 0;
  const send = (from: TestUser, to: string, deviceId: string, body: string) =>
    from.ok('PUT', `${V3}/sendToDevice/test.type/t${transactions++}`, {
      messages: { [to]: { [deviceId]: { body } } },
    });
  const devicesOf = async (user: TestUser): Promise<string[]> => {
    const { device_keys: keys } = await bob.ok('POST', `${V3}/keys/query`, {
      device_keys: { [user.userId]: [] },
    });
    return Object.keys(keys[user.userId]);
  };

  it('are announced', async () => {
    const { unstable_features: features } = await alice.ok('GET', '/_matrix/client/versions');
    expect(features['org.matrix.msc3814']).toBe(true);
    const none = await alice.request('GET', PATH);
    expect([none.status, none.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    expect((await alice.request('DELETE', PATH)).status).toBe(404);
    expect((await server.request('GET', PATH)).status).toBe(401);
  });

  it('publish keys, collect messages of this server and of others, and are replaced', async () => {
    const first = bodyFor(alice, 'DRY1');
    expect(await alice.ok('PUT', PATH, first.body)).toEqual({ device_id: 'DRY1' });
    expect(await alice.ok('GET', PATH)).toEqual({ device_id: 'DRY1', device_data: data });
    const { device_keys: published } = await carol.ok('POST', `${V3}/keys/query`, {
      device_keys: { [alice.userId]: [] },
    });
    expect(published[alice.userId].DRY1).toMatchObject({ dehydrated: true, device_id: 'DRY1' });
    const claim = { one_time_keys: { [alice.userId]: { DRY1: 'signed_curve25519' } } };
    const { one_time_keys: claimed } = await carol.ok('POST', `${V3}/keys/claim`, claim);
    expect(Object.keys(claimed[alice.userId].DRY1)).toEqual(['signed_curve25519:DRY10000']);

    for (let index = 0; index < 130; index += 1) await send(bob, alice.userId, 'DRY1', `m${index}`);
    await send(carol, alice.userId, '*', 'from afar');
    const read = async (): Promise<string[]> => {
      const bodies: string[] = [];
      const sizes: number[] = [];
      for (let from: string | undefined = ''; from !== undefined;) {
        const query: string = from === '' ? '' : `?from=${from}`;
        const page = await alice.ok('GET', `${PATH}/DRY1/events${query}`);
        bodies.push(...page.events.map(({ content }: { content: { body: string } }) => content.body));
        sizes.push(page.events.length);
        from = page.next_batch;
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
      return bodies;
    };
    await expect.poll(async () => (await read()).length).toBe(131);
    // Read again from the start: a client may be interrupted.
    expect((await read()).toSorted()).toEqual(
      [...Array.from({ length: 130 }, (_, index) => `m${index}`), 'from afar'].toSorted(),
    );
    // The older form of the call.
    const page = await alice.ok('POST', `${PATH}/DRY1/events`, {});
    expect(page.events).toHaveLength(100);
    const rest = await alice.ok('POST', `${PATH}/DRY1/events`, { next_batch: page.next_batch });
    expect(rest.events).toHaveLength(31);
    expect((await alice.ok('POST', `${PATH}/DRY1/events`, { next_batch: rest.next_batch })).events).toEqual(
      [],
    );
    expect((await alice.request('GET', `${PATH}/OTHER/events`)).status).toBe(403);
    expect((await alice.request('GET', `${PATH}/DRY1/events?from=junk`)).status).toBe(400);
    expect((await bob.request('GET', `${PATH}/DRY1/events`)).status).toBe(404);

    const { next_batch: since } = await alice.ok('GET', `${V3}/sync?timeout=0`);
    expect(await alice.ok('PUT', PATH, bodyFor(alice, 'DRY2').body)).toEqual({ device_id: 'DRY2' });
    expect(await devicesOf(alice)).toEqual(['DRY2']);
    expect((await alice.request('GET', `${PATH}/DRY1/events`)).status).toBe(403);
    expect((await alice.ok('GET', `${PATH}/DRY2/events`)).events).toEqual([]);
    const { device_lists: lists } = await alice.ok('GET', `${V3}/sync?timeout=0&since=${since}`);
    expect(lists.changed).toEqual([alice.userId]);
    expect(await alice.ok('DELETE', PATH)).toEqual({ device_id: 'DRY2' });
    expect(await devicesOf(alice)).toEqual([]);
    expect((await alice.request('GET', PATH)).status).toBe(404);
  });

  it('hand out what was acknowledged to its sender, though another write holds the stream up', async () => {
    const hugo = await server.register('hugo');
    await hugo.ok('PUT', PATH, bodyFor(hugo, 'DRY').body);
    const gate = Promise.withResolvers<undefined>();
    const begun = Promise.withResolvers<undefined>();
    const slow = server.server.context.foundation.stream.write(1, () => {
      begun.resolve(undefined);
      return gate.promise;
    });
    await begun.promise;
    await send(bob, hugo.userId, 'DRY', 'in time');
    const reading = hugo.ok('GET', `${PATH}/DRY/events`);
    for (let turn = 0; turn < 3; turn += 1) await bob.ok('GET', `${V3}/account/whoami`);
    gate.resolve(undefined);
    await slow;
    const { events } = await reading;
    expect(events.map(({ content }: { content: { body: string } }) => content.body)).toEqual(['in time']);
  });

  it('refuse bad input and leave the one before as it was', async () => {
    await bob.ok('PUT', PATH, bodyFor(bob, 'GOOD').body);
    const { body } = bodyFor(bob, 'BAD');
    const cases: readonly [object, number][] = [
      [{ ...body, device_keys: undefined }, 400],
      [{ ...body, device_data: 'text' }, 400],
      [{ ...body, device_id: '' }, 400],
      [{ ...body, device_id: 5 }, 400],
      [{ ...body, device_keys: bodyFor(alice, 'BAD').body.device_keys }, 400],
      [{ ...body, device_keys: { ...body.device_keys, signatures: {} } }, 400],
      [{ ...body, one_time_keys: { 'signed_curve25519:A': { key: 'AAAA' } } }, 400],
      [{ ...body, device_data: { pickle: 'x'.repeat(300_000) } }, 400],
      // A device on which somebody is logged in.
      [bodyFor(bob, bob.deviceId).body, 400],
    ];
    for (const [bad, status] of cases)
      expect((await bob.request('PUT', PATH, { body: bad })).status).toBe(status);
    expect((await bob.ok('GET', PATH)).device_id).toBe('GOOD');
    expect(await devicesOf(bob)).toEqual(['GOOD']);
    const { devices } = await bob.ok('GET', `${V3}/devices`);
    expect(devices.map(({ device_id: id }: { device_id: string }) => id).toSorted()).toEqual(
      [bob.deviceId, 'GOOD'].toSorted(),
    );
  });

  it('are forgotten when the device is deleted like any other', async () => {
    const dora = await server.register('dora');
    await dora.ok('PUT', PATH, bodyFor(dora, 'DRY').body);
    await dora.ok('DELETE', `${V3}/devices/DRY`, {
      auth: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: dora.userId },
        password: dora.password,
      },
    });
    expect((await dora.request('GET', PATH)).status).toBe(404);
  });

  it('take away what a crash left of one', async () => {
    const erin = await server.register('erin');
    const { foundation } = server.server.context;
    // As far as a process came that was killed before it stored the device's keys.
    await foundation.db
      .collection<{ _id: string; begun: string[] }>('dehydratedDevices')
      .insertOne({ _id: erin.userId, begun: ['HALF'] });
    await foundation.db.collection<{ _id: string } & Record<string, unknown>>('devices').insertOne({
      _id: `${erin.userId} HALF`,
      session: 'half',
      userId: erin.userId,
      deviceId: 'HALF',
      createdAt: 0,
      tokens: [],
    });
    expect((await erin.request('GET', PATH)).status).toBe(404);
    await erin.ok('PUT', PATH, bodyFor(erin, 'WHOLE').body);
    const { devices } = await erin.ok('GET', `${V3}/devices`);
    expect(devices.map(({ device_id: id }: { device_id: string }) => id).toSorted()).toEqual(
      [erin.deviceId, 'WHOLE'].toSorted(),
    );
  });
});
