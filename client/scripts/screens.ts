/**
 * `npm run screens -w client`: walks through the app against real servers and writes every screen, light and dark, at
 * 1280x800 and 375x812, to docs/screens as WebP.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { startDemo } from '@nyx/homeserver/demo/start-demo.ts';
import { launch } from '../tests/browser.ts';
import {
  acceptInvite,
  act,
  createRoom,
  invite,
  message,
  newPage,
  newPerson,
  openPanel,
  passphrase,
  say,
  sees,
  signUp,
} from '../tests/app-driver.ts';

const folder = join(import.meta.dirname, '../../docs/screens');
const sizes = [
  { name: 'desktop', width: 1280, height: 800 },
  { name: 'phone', width: 375, height: 812 },
] as const;
const only = process.argv.slice(2);

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await using demo = await startDemo({ report: console.log, env: { NYX_RATE_LIMITS: 'off' } });
const browser = await launch();
const [server] = demo.servers;
const encoder = await browser.newPage();

/** PNG to WebP, in the browser itself: no image library is needed for it. */
const toWebp = async (png: Buffer): Promise<Buffer> => {
  const url = await encoder.evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext('2d')?.drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', 0.82);
  }, png.toString('base64'));
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
};

const shoot = async (page: Page, name: string): Promise<void> => {
  if (only.length > 0 && !only.includes(name)) return;
  for (const size of sizes) {
    await page.setViewportSize({ width: size.width, height: size.height });
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      await page.waitForTimeout(180);
      await writeFile(
        join(folder, `${name}-${size.name}-${scheme}.webp`),
        await toWebp(await page.screenshot()),
      );
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
  console.log(name);
};

const first = await newPage(browser);
await first.page.goto(`${server.url}/#/sign-in`);
await first.page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
await shoot(first.page, 'sign-in');
await signUp(first.page, server.url, 'maya');
await shoot(first.page, 'vault-setup');
await first.page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
await first.page.getByLabel('Passphrase again').fill(passphrase);
await first.page.getByRole('button', { name: 'Protect' }).click();
await first.page.locator('.words li').nth(23).waitFor({ timeout: 60_000 });
await shoot(first.page, 'vault-words');
await first.page.getByRole('button', { name: 'I wrote them down' }).click();
await shoot(first.page, 'vault-check');
await first.page.reload();
await first.page.getByRole('button', { name: 'Unlock' }).waitFor();
await shoot(first.page, 'vault-unlock');
await first.context.close();

const ana = await newPerson(browser, server, 'ana');
const { page } = ana;
await shoot(page, 'home-empty');
await page.goto(`${server.url}/#/sign-up`);
const ben = await newPerson(browser, server, 'ben');
await page.goto(`${server.url}/#/`);

await page.getByRole('button', { name: 'New conversation' }).click();
await page.getByRole('menuitem', { name: 'Create a room' }).click();
await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Night walks');
await shoot(page, 'create-room');
await page.keyboard.press('Escape');
await createRoom(page, 'Neighbourhood market', true);
await say(page, 'Stalls open at nine on Saturday.');
await createRoom(page, 'Night walks');
await invite(page, ben.userId);
await ben.page
  .getByRole('link', { name: /Night walks/ })
  .first()
  .click({ timeout: 60_000 });
await ben.page.getByRole('button', { name: 'Accept' }).waitFor();
await shoot(ben.page, 'invite');
await acceptInvite(ben.page, 'Night walks');
await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click();
await page.getByText('ben joined', { exact: true }).waitFor({ timeout: 60_000 });

await say(ben.page, 'Is the observatory hill still on for Thursday?');
await sees(page, 'observatory hill');
await say(page, 'Yes. Meet at the **old gate** at 21:30, bring a red torch');
await say(page, 'The path is steep but short:\n\n- 20 minutes up\n- an hour at the top\n- tea at mine after');
await sees(ben.page, 'tea at mine');
await act(ben.page, 'tea at mine', 'Reply');
await say(ben.page, 'I will bring the flask and the star map 🌌');
await sees(page, 'the star map');
await act(page, 'the star map', 'React');
await page.getByRole('dialog').getByPlaceholder('Search emoji').fill('sparkles');
await page.getByRole('dialog').locator('.grid button').first().click();
await message(page, 'the star map')
  .getByRole('button', { name: /ben|ana/ })
  .first()
  .waitFor()
  .catch(() => undefined);
await say(ben.page, 'Forecast says clear until two. `seeing: 4/5`');
await say(ben.page, '🌙');
await sees(page, '🌙');
await shoot(page, 'room');
await message(page, 'old gate').hover();
await message(page, 'old gate').getByRole('button', { name: 'More', exact: true }).click();
await shoot(page, 'message-menu');
await page.keyboard.press('Escape');
await page.getByRole('button', { name: 'Emoji', exact: true }).click();
await page.locator('.popover .grid button').first().waitFor();
await shoot(page, 'emoji-picker');
await page.keyboard.press('Escape');
await openPanel(page);
await page.locator('.member').nth(1).waitFor({ timeout: 60_000 });
await shoot(page, 'room-people');
await page.locator('.member').nth(1).click();
await page.locator('.card .trust').waitFor();
await shoot(page, 'member');
await page.getByRole('complementary').getByRole('button', { name: 'Back' }).click();
await page.getByRole('tab', { name: 'Settings' }).click();
await shoot(page, 'room-settings');
await page.getByRole('tab', { name: 'Privacy' }).click();
await shoot(page, 'room-privacy');
await page.getByRole('button', { name: 'Search in this conversation' }).click();
await page.getByPlaceholder('Search messages').fill('gate');
await page.locator('.search mark').first().waitFor({ timeout: 30_000 });
await shoot(page, 'search');
await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click();
await act(page, 'observatory hill', 'Reply in thread');
await page.locator('.thread .composer textarea').waitFor();
await page.locator('.thread .composer textarea').fill('I checked the gate: open until midnight.');
await page.locator('.thread .composer textarea').press('Enter');
await page.locator('.thread .message').nth(1).waitFor({ timeout: 30_000 });
await shoot(page, 'thread');
await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click();

await page.getByRole('button', { name: 'New conversation' }).click();
await page.getByRole('menuitem', { name: 'Message a person' }).click();
await shoot(page, 'direct');
await page.keyboard.press('Escape');
await page.goto(`${server.url}/#/explore`);
await page.getByRole('heading', { name: 'Public rooms' }).waitFor();
await page.waitForTimeout(500);
await shoot(page, 'explore');
for (const section of ['profile', 'appearance', 'notifications', 'privacy', 'devices', 'account', 'about']) {
  await page.goto(`${server.url}/#/settings/${section}`);
  await page.locator('.body .section').waitFor();
  await page.waitForTimeout(400);
  await shoot(page, `settings-${section}`);
}
await page.goto(`${server.url}/#/`);
await shoot(page, 'conversations');
await ana.context.setOffline(true);
await page.getByText('You are offline').waitFor({ timeout: 30_000 });
await shoot(page, 'offline');
console.log(ana.faults.filter((fault) => !fault.includes('Failed to load')));
await browser.close();
