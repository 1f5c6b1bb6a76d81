/**
 * Bad input: what other people, other clients and a bad server can put before the app. The page stays usable, says what
 * happened, and offers the next step; one bad room never stops the others.
 */
import { describe, expect, it, onTestFailed } from 'vitest';
import type { Page, Route } from 'playwright-core';
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
import { chromiumPath } from './browser.ts';
import { patient, soon, useWorld } from './world.ts';
import { hostileRooms } from './hostile-events.ts';
import { png } from './picture.ts';

type Json = Record<string, unknown>;

const world = useWorld();

/** The socket is out of the way: these tests change what `/sync` answers. */
const withoutSocket = (page: Page): Promise<void> =>
  page.routeWebSocket(/chat\.nyx\.socket/, (socket) => socket.close({ code: 4000 }));

const untouched = async ({ page, faults }: Person): Promise<void> => {
  expect(await page.evaluate(() => (window as unknown as { pwned?: number }).pwned)).toBe(undefined);
  expect(new URL(page.url()).origin).toBe(new URL(world.demo.servers[0].url).origin);
  expect(await page.getByText('Something went wrong in Nyx.').count()).toBe(0);
  expect(faults.filter((fault) => fault.startsWith('page:'))).toEqual([]);
};

describe.skipIf(chromiumPath === undefined)('bad input', () => {
  it(
    'stays usable with a room full of hostile events, and other rooms go on',
    async () => {
      const asked: string[] = [];
      const [server] = world.demo.servers;
      const person = await newPerson(world.browser, server, 'victim', {}, async (context) => {
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
      const [server] = world.demo.servers;
      const { page, context, faults } = await newPage(world.browser);
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
