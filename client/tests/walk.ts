/** A walk through every screen of the app against real servers: for screenshots, and for what must hold on each. */
import type { Browser, Page } from 'playwright-core';
import type { Demo } from '@nyx/homeserver/demo/start-demo.ts';
import {
  acceptInvite,
  act,
  closePanel,
  createRoom,
  invite,
  message,
  newPage,
  newPerson,
  openMember,
  openPanel,
  openRoom,
  passphrase,
  say,
  sees,
  sendFiles,
  signIn,
  signUp,
} from './app-driver.ts';
import { png } from './picture.ts';

type ContextOptions = Parameters<Browser['newContext']>[0];
export type OnScreen = (page: Page, name: string) => Promise<void>;

const slow = { timeout: 60_000 };

/** The way in: signing in, the vault's first set-up, its words, and unlocking. */
const wayIn = async (browser: Browser, demo: Demo, on: OnScreen, options: ContextOptions): Promise<void> => {
  const [server] = demo.servers;
  const { page, context } = await newPage(browser, options);
  await page.goto(`${server.url}/#/sign-in`);
  await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  await on(page, 'sign-in');
  await page.goto(`${server.url}/#/sign-up`);
  await page.getByRole('button', { name: 'Create an account' }).waitFor();
  await on(page, 'sign-up');
  await signUp(page, server.url, 'maya');
  await on(page, 'vault-setup');
  await page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
  await page.getByLabel('Passphrase again').fill(passphrase);
  await page.getByRole('button', { name: 'Protect' }).click();
  await page.locator('.words li').nth(23).waitFor(slow);
  await on(page, 'vault-words');
  await page.getByRole('button', { name: 'I wrote them down' }).click();
  await on(page, 'vault-check');
  await page.reload();
  await page.getByRole('button', { name: 'Unlock' }).waitFor();
  await on(page, 'vault-unlock');
  await context.close();
};

/** A conversation with what conversations have in them. */
const converse = async (page: Page, other: Page): Promise<void> => {
  await say(other, 'Is the observatory hill still on for Thursday?');
  await sees(page, 'observatory hill');
  await say(page, 'Yes. Meet at the **old gate** at 21:30, bring a red torch');
  await say(
    page,
    'The path is steep but short:\n\n- 20 minutes up\n- an hour at the top\n- tea at mine after',
  );
  await sees(other, 'tea at mine');
  await act(other, 'tea at mine', 'Reply');
  await say(other, 'I will bring the flask and the star map 🌌');
  await sees(page, 'the star map');
  await act(page, 'the star map', 'React');
  await page.getByRole('dialog').getByPlaceholder('Search emoji').fill('sparkles');
  await page.getByRole('dialog').locator('.grid button').first().click();
  await message(page, 'the star map').getByRole('group', { name: 'Reactions' }).waitFor(slow);
  await say(other, 'Forecast says clear until two. `seeing: 4/5`');
  await say(other, '🌙');
  await sees(page, '🌙');
};

const roomScreens = async (page: Page, on: OnScreen): Promise<void> => {
  await on(page, 'room');
  await message(page, 'old gate').hover();
  await message(page, 'old gate').getByRole('button', { name: 'More', exact: true }).click();
  await on(page, 'message-menu');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Emoji', exact: true }).click();
  await page.locator('.popover .grid button').first().waitFor();
  await on(page, 'emoji-picker');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Attach', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Poll' }).click();
  await page.getByRole('dialog').getByLabel('Question').fill('Which night?');
  await on(page, 'poll');
  await page.keyboard.press('Escape');
  await act(page, 'old gate', 'Forward');
  await page.getByRole('dialog').locator('.targets button').first().waitFor();
  await on(page, 'forward');
  await page.keyboard.press('Escape');
  await act(page, 'old gate', 'Remove');
  await on(page, 'remove');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await sendFiles(
    page,
    [{ name: 'hill.png', mimeType: 'image/png', buffer: png(420, 260, 'hill') }],
    'The hill from the south',
  );
  const picture = message(page, 'The hill from the south').getByRole('button', { name: 'Open hill.png' });
  await picture.locator('img').waitFor(slow);
  await on(page, 'room-picture');
  await picture.click();
  await page.locator('.viewer img').waitFor(slow);
  await on(page, 'viewer');
  await page.keyboard.press('Escape');
};

const panelScreens = async (page: Page, otherId: string, on: OnScreen): Promise<void> => {
  await openPanel(page);
  await page.locator('.member').nth(1).waitFor(slow);
  await on(page, 'room-people');
  await openMember(page, otherId);
  await page.locator('.card .trust').waitFor();
  await on(page, 'member');
  await page.getByRole('complementary').getByRole('button', { name: 'Back' }).click();
  await page.getByRole('tab', { name: 'Settings' }).click();
  await on(page, 'room-settings');
  await page.getByRole('tab', { name: 'Privacy' }).click();
  await on(page, 'room-privacy');
  await page.getByRole('button', { name: 'Search in this conversation' }).click();
  await page.getByPlaceholder('Search messages').fill('gate');
  await page.locator('.search mark').first().waitFor(slow);
  await on(page, 'search');
  await closePanel(page);
  await act(page, 'observatory hill', 'Reply in thread');
  await page.locator('.thread .composer textarea').fill('I checked the gate: open until midnight.');
  await page.locator('.thread .composer textarea').press('Enter');
  await page.locator('.thread .message').nth(1).waitFor(slow);
  await on(page, 'thread');
  await closePanel(page);
};

const settingsSections = [
  'profile',
  'appearance',
  'notifications',
  'privacy',
  'devices',
  'account',
  'about',
] as const;

/** Walks through all of it, and calls `on` at each screen with its name. */
export const walk = async (
  browser: Browser,
  demo: Demo,
  on: OnScreen,
  options: ContextOptions = {},
): Promise<void> => {
  await wayIn(browser, demo, on, options);
  const [server] = demo.servers;
  const ana = await newPerson(browser, server, 'ana', options);
  const { page } = ana;
  await on(page, 'home-empty');
  const ben = await newPerson(browser, server, 'ben', options);

  await page.getByRole('button', { name: 'New conversation' }).click();
  await page.getByRole('menuitem', { name: 'Create a room' }).click();
  await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Night walks');
  await on(page, 'create-room');
  await page.keyboard.press('Escape');
  await createRoom(page, 'Neighbourhood market', true);
  await say(page, 'Stalls open at nine on Saturday.');
  await createRoom(page, 'Night walks');
  await invite(page, ben.userId);
  await closePanel(page);
  await ben.page
    .getByRole('link', { name: /Night walks/ })
    .first()
    .click(slow);
  await ben.page.getByRole('button', { name: 'Accept' }).waitFor();
  await on(ben.page, 'invite');
  await acceptInvite(ben.page, 'Night walks');
  await page.getByText('ben joined', { exact: true }).waitFor(slow);
  await converse(page, ben.page);
  await roomScreens(page, on);
  await panelScreens(page, ben.userId, on);

  await page.getByRole('button', { name: 'New conversation' }).click();
  await page.getByRole('menuitem', { name: 'Message a person' }).click();
  await on(page, 'direct');
  await page.keyboard.press('Escape');
  await page.goto(`${server.url}/#/explore`);
  await page.getByRole('heading', { name: 'Neighbourhood market' }).waitFor(slow);
  await on(page, 'explore');
  for (const section of settingsSections) {
    await page.goto(`${server.url}/#/settings/${section}`);
    await page.locator('.body .section').waitFor();
    await page.locator('.body .spinner').waitFor({ state: 'detached' });
    await on(page, `settings-${section}`);
  }
  await page.goto(`${server.url}/#/settings/devices`);
  await page.getByRole('button', { name: 'Link a device' }).click();
  await page.getByRole('dialog').waitFor();
  await on(page, 'link-device');
  await page.keyboard.press('Escape');

  const second = await newPage(browser, options);
  await signIn(second.page, server.url, 'ana');
  await second.page.getByText('This account is set up on another device.').waitFor(slow);
  await on(second.page, 'vault-second');
  await second.page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
  await second.page.getByLabel('Passphrase again').fill(passphrase);
  await second.page.getByRole('button', { name: 'Protect' }).click();
  await second.page.locator('svg.qr').waitFor(slow);
  await on(second.page, 'vault-link');
  await second.page.getByRole('button', { name: 'Back' }).click();
  await on(second.page, 'vault-restore');
  await second.context.close();

  await page.goto(`${server.url}/#/`);
  await on(page, 'conversations');
  await openRoom(page, 'Night walks');
  await ana.context.setOffline(true);
  await page.getByText('You are offline').waitFor(slow);
  await on(page, 'offline');
  await ana.context.close();
  await ben.context.close();
};
