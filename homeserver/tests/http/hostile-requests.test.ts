import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

const LONG = process.env.NYX_TEST_LONG !== undefined;
const RANDOM_REQUESTS = LONG ? 10_000 : 400;
const SEED = Number(process.env.NYX_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await createTestServer();
  user = await server.register('hostile');
});
afterAll(() => server.close());

/** Operations that end the session that the others need. */
const LEFT_OUT: ReadonlySet<string> = new Set(['logout', 'logout_all']);

/** Operations that wait for news: they are told not to. */
const WAITING: ReadonlySet<string> = new Set(['sync', 'getEvents', 'slidingSync', 'slidingSyncUnstable']);

const routes = () => server.server.context.routes.filter(({ operation }) => !LEFT_OUT.has(operation));

const failed = (status: number): boolean =>
  status >= 500 && status !== 501 && status !== 502 && status !== 504;

const VALUES = ['%00', '@hostile:localhost', '!nowhere:localhost', 'x', '%24event', '%F0%9F%98%80'];

type Attempt = { readonly method: string; readonly path: string; readonly body: string | undefined };

const send = async ({ method, path, body }: Attempt): Promise<number> => {
  const answer = await user.request(method, path, {
    unchecked: true,
    signal: AbortSignal.timeout(60_000),
    ...(body === undefined || method === 'GET' ? {} : { rawBody: body }),
  });
  return answer.status;
};

it('answers every operation called with {} or junk without failing', { timeout: 300_000 }, async () => {
  const fill = (path: string, value: string): string => path.replaceAll(/\{[A-Za-z]+\}/g, value);
  const failures: string[] = [];
  for (const { method, paths, operation } of routes()) {
    for (const value of LONG ? VALUES : VALUES.slice(0, 3)) {
      for (const body of [
        '{}',
        '[]',
        'null',
        '{"a":',
        '"x"',
        '{"__proto__":{"x":1}}',
        '{"auth":{"type":"m.login.password"}}',
      ]) {
        const path = fill(paths[0] ?? '', value) + (WAITING.has(operation) ? '?timeout=0' : '');
        const status = await send({ method, path, body });
        if (failed(status)) failures.push(`${operation}: ${method} ${path} ${body} → ${status}`);
        if (method === 'GET') break;
      }
    }
  }
  expect(failures).toEqual([]);
});

it(
  `fails on none of ${RANDOM_REQUESTS} random requests (seed ${SEED})`,
  { timeout: LONG ? 900_000 : 300_000 },
  async () => {
    const known = [
      '{}',
      user.userId,
      '!room:localhost',
      '#alias:localhost',
      '$event',
      'm.room.message',
      'global',
      'override',
      'PHONE',
      '',
    ];
    const segment = fc.oneof(
      fc.constantFrom(...known).map((text) => encodeURIComponent(text)),
      fc.string({ unit: 'binary', maxLength: 30 }).map((text) => encodeURIComponent(text.toWellFormed())),
      fc.constantFrom('%', '%zz', '..', '%2e%2e', '%2F'),
    );
    const scalar = fc.oneof(
      fc.constantFrom(...known),
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
    );
    const keys = fc.oneof(
      fc.constantFrom(
        'type',
        'auth',
        'device_id',
        'user',
        'limit',
        'filter',
        'content',
        'room',
        'messages',
        'devices',
        'session',
        'events',
        'from',
        'to',
        'dir',
        'since',
        'name',
        'invite',
        'preset',
        'reason',
        'actions',
        'enabled',
        'one_time_keys',
        'device_keys',
        'timeout',
        'search_categories',
        'room_events',
        'search_term',
        'next_batch',
        'kind',
        'app_id',
        'pushkey',
        'data',
        'url',
        'width',
        'height',
        'only',
      ),
      fc.string(),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        scalar,
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(keys, tie('any'), { maxKeys: 5 }),
      ),
    })).any;
    const body = fc.oneof(
      value.map((json) => JSON.stringify(json)),
      fc.string({ unit: 'binary' }),
      fc.constant(undefined),
    );
    const query = fc.dictionary(keys, scalar.map(String), { maxKeys: 3 });
    const attempt = fc.record({
      route: fc.nat(),
      segments: fc.array(segment, { minLength: 5, maxLength: 5 }),
      body,
      query,
    });
    await fc.assert(
      fc.asyncProperty(attempt, async ({ route, segments, body: text, query: params }) => {
        const all = routes();
        const { method, paths, operation } = all[route % all.length] ?? {
          method: 'GET',
          paths: ['/'],
          operation: '',
        };
        let next = 0;
        const path = (paths[0] ?? '').replaceAll(
          /\{[A-Za-z]+\}/g,
          () => segments[(next += 1) % segments.length] ?? '',
        );
        const search = new URLSearchParams(
          Object.entries(params).map(([key, one]): [string, string] => [
            key.toWellFormed(),
            one.toWellFormed(),
          ]),
        );
        if (WAITING.has(operation)) search.set('timeout', '0');
        const status = await send({ method, path: `${path}?${search.toString()}`, body: text });
        expect(failed(status), `${method} ${path}?${search.toString()} ${text ?? ''} → ${status}`).toBe(
          false,
        );
      }),
      { numRuns: RANDOM_REQUESTS, seed: SEED, endOnFailure: true },
    );
  },
);
