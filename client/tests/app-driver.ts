/** What a person does with the app, through the real page. Locators go by role and name, as assistive technology does. */
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';

export type Person = {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly userId: string;
  readonly words: readonly string[];
  /** Lines of the browser's console that are errors, and errors of the page. */
  readonly faults: string[];
};

export const passphrase = 'correct horse battery';
const slow = { timeout: 60_000 };

const watchFaults = (page: Page): string[] => {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`page: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  return faults;
};

export const newPage = async (
  browser: Browser,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<{ context: BrowserContext; page: Page; faults: string[] }> => {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    ...options,
  });
  const page = await context.newPage();
  return { context, page, faults: watchFaults(page) };
};

/** Fills the sign-up form of the server that serves the page. */
export const signUp = async (page: Page, url: string, name: string): Promise<void> => {
  await page.goto(`${url}/#/sign-up`);
  await page.getByLabel('Name', { exact: true }).fill(name, slow);
  await page.getByLabel('Password', { exact: true }).fill('a login password');
  await page.getByLabel('Password again').fill('a login password');
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.getByRole('heading', { name: 'Protect your messages' }).waitFor(slow);
};

/** Sets up the vault and answers the recovery words, which it confirms. */
const setUpVault = async (page: Page): Promise<string[]> => {
  await page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
  await page.getByLabel('Passphrase again').fill(passphrase);
  await page.getByRole('button', { name: 'Protect' }).click();
  await page.getByRole('heading', { name: 'Your recovery words' }).waitFor(slow);
  const items = page.locator('.words li');
  await items.nth(23).waitFor(slow);
  const words = (await items.allTextContents()).map((text) => text.replace(/^\d+/, '').trim());
  await page.getByRole('button', { name: 'I wrote them down' }).click();
  for (const field of await page.getByLabel(/^Word \d+$/).all()) {
    const id = (await field.getAttribute('id')) ?? '';
    const label = (await page.locator(`label[for="${id}"]`).textContent()) ?? '';
    await field.fill(words[Number(label.replace(/\D/g, '')) - 1] ?? '');
  }
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Conversations', exact: true }).waitFor(slow);
  return words;
};

/** A new account on a server, in a browser profile of its own, ready to talk. */
export const newPerson = async (
  browser: Browser,
  server: { url: string; name: string },
  name: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Person> => {
  const { context, page, faults } = await newPage(browser, options);
  await signUp(page, server.url, name);
  const words = await setUpVault(page);
  return { page, context, userId: `@${name}:${server.name}`, words, faults };
};

export const unlock = async (page: Page): Promise<void> => {
  await page.getByLabel('Passphrase', { exact: true }).fill(passphrase, slow);
  await page.getByRole('button', { name: 'Unlock' }).click();
  await page.getByRole('heading', { name: 'Conversations', exact: true }).waitFor(slow);
};

export const createRoom = async (page: Page, name: string, isPublic = false): Promise<void> => {
  await page.getByRole('button', { name: 'New conversation' }).click();
  await page.getByRole('menuitem', { name: 'Create a room' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  if (isPublic) await dialog.getByRole('radio', { name: 'Everyone' }).click();
  await dialog.getByRole('button', { name: 'Create' }).click();
  await composer(page).waitFor(slow);
};

export const openPanel = async (page: Page): Promise<void> => {
  const panel = page.getByRole('complementary', { name: 'Room details' });
  if (!(await panel.isVisible()))
    await page.getByRole('button', { name: 'Room details', exact: true }).click();
  await panel.waitFor();
};

export const invite = async (page: Page, userId: string): Promise<void> => {
  await openPanel(page);
  await page.getByRole('button', { name: 'Invite people' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name or address').fill(userId);
  await dialog.getByRole('button', { name: 'Invite', exact: true }).click();
  await dialog.waitFor({ state: 'hidden', ...slow });
};

export const acceptInvite = async (page: Page, room: string): Promise<void> => {
  await page
    .getByRole('link', { name: new RegExp(room) })
    .first()
    .click(slow);
  await page.getByRole('button', { name: 'Accept' }).click(slow);
  await composer(page).waitFor(slow);
};

export const composer = (page: Page): Locator => page.getByRole('combobox', { name: 'Message' });

export const say = async (page: Page, text: string): Promise<void> => {
  await composer(page).fill(text);
  await composer(page).press('Enter');
};

/** The row of a message that shows this text. */
export const message = (page: Page, text: string | RegExp): Locator =>
  page.locator('.message').filter({ has: page.locator('.bubble').filter({ hasText: text }) });

export const sees = (page: Page, text: string | RegExp): Promise<void> =>
  message(page, text).first().waitFor(slow);

/** Opens the actions of a message and picks one. */
export const act = async (page: Page, text: string | RegExp, action: string): Promise<void> => {
  const row = message(page, text).last();
  await row.hover();
  const direct = row.getByRole('button', { name: action, exact: true });
  if (await direct.isVisible()) {
    await direct.click();
    return;
  }
  await row.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: action }).click();
};
