import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Installation, ServerProcess } from './own-services.ts';
import { install } from './own-services.ts';

/** How long a service stays away: half a minute in the long run, long enough to be noticed in the short one. */
const AWAY_MS = process.env.NYX_TEST_LONG === undefined ? 4_000 : 30_000;
const IDLE_LIMIT_MIB = 250;
const V3 = '/_matrix/client/v3';

let installation: Installation;
let server: ServerProcess;
beforeAll(async () => {
  installation = await install();
  server = await installation.startServer();
}, 180_000);
afterAll(() => installation[Symbol.asyncDispose]());

type Answer = { status: number; body: Record<string, unknown>; retryAfter: string | null };

const call = async (method: string, path: string, token?: string, body?: object): Promise<Answer> => {
  const response = await fetch(server.url + path, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown>,
    retryAfter: response.headers.get('retry-after'),
  };
};

const PASSWORD = 'correct horse battery staple';

const register = async (username: string) => {
  const { status, body } = await call('POST', `${V3}/register`, undefined, {
    username,
    password: PASSWORD,
    auth: { type: 'm.login.dummy' },
  });
  expect(status).toBe(200);
  return { token: body.access_token as string, userId: body.user_id as string };
};

const dataPath = (userId: string): string => `${V3}/user/${userId}/account_data/org.example.test`;

/** The account data above, as a first sync shows it. */
const synced = async (token: string): Promise<unknown> => {
  const { body } = await call('GET', `${V3}/sync?timeout=0`, token);
  const { events = [] } = (body.account_data ?? {}) as { events?: { type: string; content: object }[] };
  return events.find(({ type }) => type === 'org.example.test')?.content;
};

describe('a server whose Redis is gone', () => {
  it('goes on, runs the jobs after, and forgets nothing', { timeout: AWAY_MS + 180_000 }, async () => {
    const user = await register('redisless');
    const quitter = await register('quitter');
    const { body: room } = await call('POST', `${V3}/createRoom`, user.token, { preset: 'public_chat' });
    const roomId = room.room_id as string;
    expect((await call('POST', `${V3}/join/${encodeURIComponent(roomId)}`, quitter.token, {})).status).toBe(
      200,
    );
    await installation.redis.kill();

    expect((await call('GET', `${V3}/account/whoami`, user.token)).status).toBe(200);
    expect((await call('PUT', dataPath(user.userId), user.token, { kept: true })).status).toBe(200);
    const late = await register('late');
    expect((await call('GET', `${V3}/account/whoami`, late.token)).status).toBe(200);
    const sent = await call(
      'PUT',
      `${V3}/rooms/${encodeURIComponent(roomId)}/send/m.room.message/1`,
      user.token,
      {
        msgtype: 'm.text',
        body: 'without Redis',
      },
    );
    expect(sent.status).toBe(200);
    // Somebody leaves for good; leaving their rooms is a job, and there is no queue to put it into.
    const auth = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'quitter' },
      password: PASSWORD,
    };
    expect((await call('POST', `${V3}/account/deactivate`, quitter.token, { auth })).status).toBe(200);
    expect((await call('GET', '/ready')).body).toMatchObject({ status: 'ready', redis: false });
    await delay(AWAY_MS);
    await installation.redis.start();

    await expect
      .poll(
        async () => {
          const { body } = await call(
            'GET',
            `${V3}/rooms/${encodeURIComponent(roomId)}/joined_members`,
            user.token,
          );
          return Object.keys(body.joined as object);
        },
        { timeout: 60_000, interval: 200 },
      )
      .toEqual([user.userId]);
    const client = new mongoose.mongo.MongoClient(installation.mongo.uri);
    await expect
      .poll(() => client.db('nyx').collection('outbox').countDocuments({}), {
        timeout: 20_000,
        interval: 200,
      })
      .toBe(0);
    await client.close();
    expect((await call('GET', dataPath(user.userId), user.token)).body).toEqual({ kept: true });
  });
});

describe('a server whose Redis was never there', () => {
  it('starts, serves, and stops in order when told to', { timeout: 180_000 }, async () => {
    // Nothing listens on port 1.
    await using alone = await installation.startServer({ REDIS_URL: 'redis://127.0.0.1:1' });
    expect((await fetch(`${alone.url}/_matrix/client/versions`)).status).toBe(200);
    const started = performance.now();
    expect(await alone.signal('SIGTERM')).toBe(0);
    // Without running requests and jobs, the ten seconds of grace are for nobody.
    expect(performance.now() - started, alone.log().slice(-3_000)).toBeLessThan(8_000);
  });
});

describe('a server whose MongoDB is gone', () => {
  it('says so, and recovers by itself', { timeout: AWAY_MS + 180_000 }, async () => {
    const user = await register('mongoless');
    expect((await call('PUT', dataPath(user.userId), user.token, { before: true })).status).toBe(200);
    await installation.mongo.kill();
    const started = performance.now();
    for (const refused of [
      await call('PUT', dataPath(user.userId), user.token, { lost: true }),
      await call('GET', dataPath(user.userId), user.token),
    ]) {
      expect([refused.status, refused.body.errcode], server.log().slice(-3_000)).toEqual([503, 'M_UNKNOWN']);
      expect(Number(refused.retryAfter)).toBeGreaterThan(0);
    }
    expect(performance.now() - started).toBeLessThan(60_000);
    expect((await call('GET', '/health')).status).toBe(200);
    expect((await call('GET', '/ready')).status).toBe(503);
    await delay(AWAY_MS);
    await installation.mongo.start();

    await expect
      .poll(async () => (await call('GET', dataPath(user.userId), user.token)).status, {
        timeout: 20_000,
        interval: 200,
      })
      .toBe(200);
    expect((await call('PUT', dataPath(user.userId), user.token, { after: true })).status).toBe(200);
    expect((await call('GET', dataPath(user.userId), user.token)).body).toEqual({ after: true });
    // What was written after the outage is seen by a sync: the interrupted write holds nobody up.
    await expect.poll(() => synced(user.token), { timeout: 60_000, interval: 100 }).toEqual({ after: true });
  });

  it('stops in order when told to, though both services are gone', { timeout: 180_000 }, async () => {
    await using other = await installation.startServer();
    await installation.mongo.kill();
    await installation.redis.kill();
    const started = performance.now();
    const code = await other.signal('SIGTERM');
    const took = performance.now() - started;
    await installation.redis.start();
    await installation.mongo.start();
    expect(code, other.log().slice(-3_000)).toBe(0);
    expect(took, other.log().slice(-3_000)).toBeLessThan(25_000);
  });
});

describe('a server that is killed', () => {
  it('starts again as if nothing had been, and shows new writes at once', { timeout: 180_000 }, async () => {
    const user = await register('survivor');
    expect((await call('PUT', dataPath(user.userId), user.token, { written: 1 })).status).toBe(200);
    await server.signal('SIGKILL');
    server = await installation.startServer();
    expect((await call('GET', dataPath(user.userId), user.token)).body).toEqual({ written: 1 });
    expect((await call('PUT', dataPath(user.userId), user.token, { written: 2 })).status).toBe(200);
    // The positions that the dead process held were closed while the new one started.
    expect(await synced(user.token)).toEqual({ written: 2 });
  });

  it('keeps to its memory while idle, and stops in order when told to', { timeout: 180_000 }, async () => {
    const fresh = await installation.startServer();
    await delay(2_000);
    expect(fresh.memory()).toBeLessThan(IDLE_LIMIT_MIB);
    const user = await register('waiter');
    const sync = async (since: string, timeout: number): Promise<string> => {
      const response = await fetch(`${fresh.url}${V3}/sync?timeout=${timeout}${since}`, {
        headers: { authorization: `Bearer ${user.token}` },
      });
      expect(response.status).toBe(200);
      return `&since=${((await response.json()) as { next_batch: string }).next_batch}`;
    };
    let since = '';
    for (let round = 0; round < 4; round += 1) since = await sync(since, 0);
    // A long poll does not hold the end up: it is answered with what there is.
    const waiting = sync(since, 30_000);
    await delay(500);
    const started = performance.now();
    expect(await fresh.signal('SIGTERM')).toBe(0);
    expect(performance.now() - started).toBeLessThan(25_000);
    await waiting;
    expect(fresh.log()).not.toContain(user.token);
  });
});
