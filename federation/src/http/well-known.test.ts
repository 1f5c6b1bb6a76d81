import { describe, expect, test } from 'vitest';
import type { WellKnownResponse } from './well-known.ts';
import { lifetimeOf, WellKnownResolver } from './well-known.ts';

const HOUR = 3_600_000;
const answer = (
  body: string,
  headers: WellKnownResponse['headers'] = {},
  status = 200,
): WellKnownResponse => ({ status, headers, body });
const redirect = (location: string, status = 302) => answer('', { location }, status);
const delegation = (name: string) => answer(JSON.stringify({ 'm.server': name }));

/** A web of documents whose clock the test moves. */
function web(pages: Record<string, WellKnownResponse | Error>) {
  const fetched: string[] = [];
  const clock = { now: 1_000_000_000_000 };
  const resolver = new WellKnownResolver(
    async (url) => {
      fetched.push(url.href);
      const page = pages[url.href];
      if (page === undefined || page instanceof Error) throw page ?? new Error('unreachable');
      return page;
    },
    () => clock.now,
  );
  return { resolver, fetched, clock, pages };
}
const URL_A = 'https://a.org/.well-known/matrix/server';

describe('well-known look-up', () => {
  test('gives the delegated name and remembers it for a day', async () => {
    const { resolver, fetched, clock } = web({ [URL_A]: delegation('m.a.org:443') });
    expect(await resolver.lookup('a.org')).toBe('m.a.org:443');
    clock.now += 24 * HOUR - 1;
    expect(await resolver.lookup('a.org')).toBe('m.a.org:443');
    expect(fetched).toHaveLength(1);
    clock.now += 1;
    await resolver.lookup('a.org');
    expect(fetched).toHaveLength(2);
  });

  test('asks once for look-ups that wait at the same time', async () => {
    const { resolver, fetched } = web({ [URL_A]: delegation('m.a.org') });
    await Promise.all([resolver.lookup('a.org'), resolver.lookup('a.org')]);
    expect(fetched).toHaveLength(1);
  });

  test('follows redirects, relative ones too', async () => {
    const { resolver } = web({
      [URL_A]: redirect('/elsewhere', 301),
      'https://a.org/elsewhere': redirect('https://b.org/x', 308),
      'https://b.org/x': delegation('m.b.org'),
    });
    expect(await resolver.lookup('a.org')).toBe('m.b.org');
  });

  test('leaves a loop of redirects', async () => {
    const { resolver, fetched } = web({ [URL_A]: redirect(URL_A) });
    expect(await resolver.lookup('a.org')).toBeUndefined();
    expect(fetched.length).toBeLessThan(20);
  });

  test.each(['http://a.org/x', 'file:///etc/passwd', 'not a url ::', ''])(
    'does not follow a redirect to "%s"',
    async (location) => {
      const { resolver } = web({ [URL_A]: redirect(location) });
      expect(await resolver.lookup('a.org')).toBeUndefined();
    },
  );

  test.each([
    'no json',
    '{}',
    '[]',
    'null',
    '{"m.server":5}',
    '{"m.server":""}',
    '{"m.server":"bad name"}',
    '{"m.server":"a.org:0"}',
    '{"m.server":"https://a.org"}',
  ])('takes %s for no delegation', async (body) => {
    const { resolver } = web({ [URL_A]: answer(body) });
    expect(await resolver.lookup('a.org')).toBeUndefined();
  });

  test('takes an error status for no delegation, for an hour', async () => {
    const { resolver, fetched, clock } = web({ [URL_A]: answer('', {}, 404) });
    expect(await resolver.lookup('a.org')).toBeUndefined();
    clock.now += HOUR - 1;
    await resolver.lookup('a.org');
    expect(fetched).toHaveLength(1);
    clock.now += 1;
    await resolver.lookup('a.org');
    expect(fetched).toHaveLength(2);
  });

  test('keeps a known delegation while the web server is down, and drops it when it is taken back', async () => {
    const { resolver, clock, pages } = web({ [URL_A]: delegation('m.a.org') });
    await resolver.lookup('a.org');
    clock.now += 25 * HOUR;
    pages[URL_A] = new Error('connection refused');
    expect(await resolver.lookup('a.org')).toBe('m.a.org');
    clock.now += HOUR;
    pages[URL_A] = answer('', {}, 503);
    expect(await resolver.lookup('a.org')).toBe('m.a.org');
    clock.now += HOUR;
    pages[URL_A] = answer('', {}, 404);
    expect(await resolver.lookup('a.org')).toBeUndefined();
  });
});

test('a delegation that nobody confirms is forgotten after 48 hours', async () => {
  const { resolver, clock, pages } = web({ [URL_A]: delegation('m.a.org') });
  await resolver.lookup('a.org');
  pages[URL_A] = new Error('connection refused');
  clock.now += 25 * HOUR;
  for (let hour = 25; hour < 48; hour++) {
    expect(await resolver.lookup('a.org')).toBe('m.a.org');
    clock.now += HOUR;
  }
  expect(await resolver.lookup('a.org')).toBeUndefined();
});

describe('the lifetime of a delegation', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  test.each([
    [{}, 24 * HOUR],
    [{ 'cache-control': 'max-age=7200' }, 2 * HOUR],
    [{ 'cache-control': 'public, MAX-AGE="7200"' }, 2 * HOUR],
    [{ 'cache-control': 'max-age=99999999' }, 48 * HOUR],
    [{ 'cache-control': 'max-age=0' }, HOUR / 12],
    [{ 'cache-control': 'no-store' }, HOUR / 12],
    [{ 'cache-control': 'max-age=7200', expires: 'Thu, 01 Jan 2026 10:00:00 GMT' }, 2 * HOUR],
    [{ expires: 'Thu, 01 Jan 2026 10:00:00 GMT' }, 10 * HOUR],
    [{ expires: 'Thu, 01 Jan 2020 10:00:00 GMT' }, HOUR / 12],
    [{ expires: 'whenever' }, HOUR / 12],
  ])('%o', (headers, expected) => expect(lifetimeOf(headers, now)).toBe(expected));
});
