import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceWakeKey } from '../../src/domain/e2ee/device-id.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { pusherFor, startGateway } from '../push/gateway.ts';
import { SocketClient } from '../socket/socket-client.ts';
import { makeDevice } from './signing-device.ts';

const V3 = '/_matrix/client/v3';
const UPLOAD = `${V3}/keys/upload`;
const ALGORITHM = 'signed_curve25519';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('replenishing one-time keys', () => {
  let server: TestServer;
  let claimer: TestUser;
  let ahead = 0;

  beforeAll(async () => {
    server = await createTestServer({ platform: { clock: { now: () => Date.now() + ahead } } });
    claimer = await server.register('claimer');
  });
  afterAll(() => server.close());

  const claim = async (user: TestUser, times = 1, algorithm = ALGORITHM): Promise<void> => {
    for (let round = 0; round < times; round += 1)
      await claimer.ok('POST', `${V3}/keys/claim`, {
        one_time_keys: { [user.userId]: { [user.deviceId]: algorithm } },
      });
  };
  const sync = (user: TestUser, since?: string, timeout = 0) =>
    user.ok('GET', `${V3}/sync?timeout=${timeout}${since === undefined ? '' : `&since=${since}`}`);
  /** Runs the sweep as the scheduler does. */
  const sweep = async (): Promise<void> => {
    const { foundation } = server.server.context;
    const job = foundation.jobs.get('keys.sweep');
    await job?.run(
      {},
      {
        id: 'sweep',
        attempt: 1,
        log: foundation.platform.logger,
        signal: new AbortController().signal,
      },
    );
  };
  /** Counts what wakes the syncs and sockets of the device. */
  const listen = (user: TestUser) => {
    let heard = 0;
    const subscription = server.server.context.foundation.notifier.listen([deviceWakeKey(user)], () => {
      heard += 1;
    });
    return { count: () => heard, [Symbol.dispose]: () => subscription[Symbol.dispose]() };
  };
  const metric = async (pattern: RegExp): Promise<number> => {
    const { text } = await server.server.context.foundation.metrics.render();
    return Number(pattern.exec(text)?.[1] ?? Number.NaN);
  };

  it('tells a device that is low at once, over sync and socket, and again only as it sells', async () => {
    const owner = await server.register('low');
    const device = makeDevice(owner);
    await owner.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(51, 'low'),
    });
    using socket = listen(owner);
    await claim(owner);
    const { next_batch: since } = await sync(owner);
    expect(socket.count()).toBe(0);
    const low = async (): Promise<void> => {
      for (let token: string = since; ;) {
        const answer = await sync(owner, token, 20_000);
        if (answer.device_one_time_keys_count[ALGORITHM] === 49) return;
        token = answer.next_batch;
      }
    };
    const waiting = low();
    await claim(owner);
    await waiting;
    await expect.poll(() => socket.count()).toBeGreaterThan(0);
    // Many claims in a moment are one request.
    const before = socket.count();
    await claim(owner, 10);
    await expect.poll(() => socket.count()).toBeGreaterThan(before);
    expect(socket.count() - before).toBeLessThanOrEqual(10);
  });

  it('sends a frame over the socket of a device that is low, with the true counts', async () => {
    const owner = await server.register('socket');
    const device = makeDevice(owner);
    await owner.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(50, 'socket'),
      fallback_keys: device.fallbackKey('spare'),
    });
    await using socket = await SocketClient.open(server, owner);
    await socket.ask({ type: 'sync' });
    await claim(owner);
    const frame = await socket.next('crypto');
    expect(frame).toEqual({
      type: 'crypto',
      device_one_time_keys_count: { [ALGORITHM]: 49 },
      device_unused_fallback_key_types: [ALGORITHM],
    });
  });

  it('asks the silent again and again, ever more rarely, until they upload', async () => {
    const owner = await server.register('silent');
    const device = makeDevice(owner);
    await owner.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(10, 'silent'),
    });
    using socket = listen(owner);
    await claim(owner);
    await expect.poll(() => socket.count()).toBe(1);
    const times: number[] = [];
    for (let hour = 1; hour <= 40; hour += 1) {
      ahead += HOUR;
      const before = socket.count();
      await sweep();
      if (socket.count() > before) times.push(hour);
    }
    const pauses = times.slice(1).map((hour, index) => hour - (times[index] ?? 0));
    expect(times.length).toBeGreaterThanOrEqual(4);
    for (const [index, pause] of pauses.slice(1).entries()) expect(pause).toBeGreaterThan(pauses[index] ?? 0);
    // The device uploads: it is whole, and nobody asks.
    await owner.ok('POST', UPLOAD, { one_time_keys: device.oneTimeKeys(60, 'more') });
    const before = socket.count();
    ahead += 30 * DAY;
    await sweep();
    expect(socket.count()).toBe(before);
    // Low again, it is asked without the long pause.
    await claim(owner, 25);
    await expect.poll(() => socket.count()).toBeGreaterThan(before);
  });

  it('wakes a device that is offline for long by a push, and not at every claim', async () => {
    await using gateway = await startGateway();
    const owner = await server.register('offline');
    await owner.ok('POST', `${V3}/pushers/set`, pusherFor(gateway));
    const device = makeDevice(owner);
    await owner.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(20, 'offline'),
    });
    await server.server.context.accounts.authenticator.flushSightings();
    using socket = listen(owner);
    await claim(owner);
    await expect.poll(() => socket.count()).toBe(1);
    ahead += 5 * HOUR;
    await claim(owner);
    await expect.poll(() => socket.count()).toBe(2);
    ahead += 2 * HOUR;
    await claim(owner, 5);
    await expect.poll(() => gateway.told.length).toBe(1);
    expect(gateway.told[0]).toMatchObject({ prio: 'low', devices: [{ pushkey: 'key-of-the-phone' }] });
    expect(JSON.stringify(gateway.told)).not.toContain('offline');
    ahead += 3 * HOUR;
    await sweep();
    await expect.poll(() => gateway.told.length).toBe(2);
  });

  it('asks for a new signed prekey when the old one is forgotten', async () => {
    const owner = await server.register('stale');
    const device = makeDevice(owner);
    await owner.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: device.oneTimeKeys(100, 'fresh', 'chat.nyx.otk.v1'),
      fallback_keys: device.fallbackKey('spk1', 'chat.nyx.spk.v1'),
    });
    using socket = listen(owner);
    ahead += 3 * DAY;
    await sweep();
    expect(socket.count()).toBe(0);
    ahead += 2 * DAY;
    await sweep();
    expect(socket.count()).toBe(1);
    await owner.ok('POST', UPLOAD, { fallback_keys: device.fallbackKey('spk2', 'chat.nyx.spk.v1') });
    ahead += 2 * DAY;
    await sweep();
    expect(socket.count()).toBe(1);
  });

  it('shows stock, exhaustion and what claims were given', async () => {
    const [full, empty] = [await server.register('full'), await server.register('empty')];
    const devices = [makeDevice(full), makeDevice(empty)] as const;
    const claims = (given: string) =>
      metric(new RegExp(`nyx_key_claims_total\\{algorithm="${ALGORITHM}",given="${given}"\\} (\\d+)`));
    const was = { one: (await claims('one_time')) || 0, spare: (await claims('fallback')) || 0 };
    const nothing = (await claims('nothing')) || 0;
    const exhausted = await metric(/nyx_devices_without_one_time_keys (\d+)/);
    await full.ok('POST', UPLOAD, {
      device_keys: devices[0].deviceKeys(),
      one_time_keys: devices[0].oneTimeKeys(90, 'full'),
    });
    await empty.ok('POST', UPLOAD, {
      device_keys: devices[1].deviceKeys(),
      one_time_keys: devices[1].oneTimeKeys(2, 'empty'),
      fallback_keys: devices[1].fallbackKey('spare'),
    });
    await claim(empty, 5);
    await claim(full, 1, 'org.example.made-up');
    expect(await claims('one_time')).toBe(was.one + 2);
    expect(await claims('fallback')).toBe(was.spare + 3);
    expect((await claims('nothing')) || 0).toBe(nothing);
    expect(await metric(/nyx_key_claims_total\{algorithm="other",given="nothing"\} (\d+)/)).toBe(1);
    ahead += HOUR;
    expect(await metric(/nyx_devices_without_one_time_keys (\d+)/)).toBe(exhausted + 1);
    const below = await metric(
      new RegExp(`nyx_one_time_key_stock_bucket\\{le="80",algorithm="${ALGORITHM}"\\} (\\d+)`),
    );
    const all = await metric(new RegExp(`nyx_one_time_key_stock_count\\{algorithm="${ALGORITHM}"\\} (\\d+)`));
    expect(all - below).toBeGreaterThanOrEqual(1);
    const { text } = await server.server.context.foundation.metrics.render();
    expect(text).not.toContain('made-up');
  });
});
