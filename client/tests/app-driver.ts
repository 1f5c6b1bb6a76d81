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
  prepare: (context: BrowserContext) => Promise<void> = async () => undefined,
): Promise<Person> => {
  const { context, page, faults } = await newPage(browser, options);
  await prepare(context);
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

/**
 * Clicks something in a list until what it opens shows: news can sort the list anew under the pointer, for a test as for
 * a person, and the click goes to what stands there then.
 */
const openBy = async (target: Locator, shown: Locator): Promise<void> => {
  const tries = 6;
  for (let left = tries; ; left -= 1) {
    await target.click(slow);
    try {
      await shown.waitFor({ timeout: slow.timeout / tries });
      return;
    } catch (error) {
      if (left === 1) throw error;
    }
  }
};

export const acceptInvite = async (page: Page, room: string): Promise<void> => {
  const accept = page.getByRole('button', { name: 'Accept' });
  await openBy(page.getByRole('link', { name: new RegExp(room) }).first(), accept);
  await accept.click(slow);
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

/**
 * Opens the actions of a message and picks one. The row moves while messages arrive, and its actions go with the
 * pointer: whoever misses them tries again, as a person does.
 */
export const act = async (page: Page, text: string | RegExp, action: string): Promise<void> => {
  const row = message(page, text).last();
  const item = page.getByRole('menuitem', { name: action });
  const brief = { timeout: 4_000 };
  for (let tries = 1; ; tries += 1) {
    try {
      await row.hover(brief);
      const direct = row.getByRole('button', { name: action, exact: true });
      if (await direct.isVisible()) {
        await direct.click(brief);
        return;
      }
      await row.getByRole('button', { name: 'More', exact: true }).click(brief);
      await item.click(brief);
      return;
    } catch (error) {
      if (tries === 12) throw error;
      if (await item.isVisible()) await page.keyboard.press('Escape');
    }
  }
};

/** Opens a room from the list; its composer names it. */
export const openRoom = (page: Page, room: string): Promise<void> =>
  openBy(
    page.getByRole('link', { name: new RegExp(room) }).first(),
    composer(page).and(page.getByPlaceholder(room)).first(),
  );

/** Attaches files through the composer's own input and sends them. */
export const sendFiles = async (
  page: Page,
  files: { name: string; mimeType: string; buffer: Buffer }[],
  caption = '',
): Promise<void> => {
  await page.locator('.composer input[type="file"]').setInputFiles(files);
  const dialog = page.getByRole('dialog');
  if (caption !== '') await dialog.getByLabel('Caption').fill(caption);
  await dialog.getByRole('button', { name: 'Send', exact: true }).click();
  await dialog.waitFor({ state: 'hidden', ...slow });
};

/** Opens a member's card in the room's details. */
export const openMember = async (page: Page, userId: string): Promise<void> => {
  await openPanel(page);
  const back = page.getByRole('complementary').getByRole('button', { name: 'Back' });
  if (await back.isVisible()) await back.click();
  await page.locator('.member').filter({ hasText: userId }).click(slow);
  await page.locator('.card .id').filter({ hasText: userId }).waitFor(slow);
};

/** The event of a message as the server has it, read from the app's own view of it. */
export const sourceOf = async (page: Page, text: string | RegExp): Promise<Record<string, unknown>> => {
  await act(page, text, 'View source');
  const dialog = page.getByRole('dialog');
  const json = await dialog.locator('pre').last().innerText();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  return JSON.parse(json) as Record<string, unknown>;
};

/**
 * Keys that get lost on their way: while `losing`, encrypted to-device messages are left out of what sync brings, until
 * the message that needs them has come. What is asked for afterwards arrives.
 */
export type KeyLoss = { losing: boolean; lost: number };

type Timeline = { timeline?: { events?: { type: string }[] } };
type SyncBody = { to_device?: { events?: { type: string }[] }; rooms?: { join?: Record<string, Timeline> } };

/** Makes keys losable in every page of a context; to be called before its first page loads. */
export const makeKeysLosable = async (context: BrowserContext): Promise<KeyLoss> => {
  const loss: KeyLoss = { losing: false, lost: 0 };
  const isSealed = (event: { type: string }): boolean => event.type === 'm.room.encrypted';
  let messageCame = false;
  const lose = <T extends SyncBody>(body: T): T => {
    if (!loss.losing) return body;
    const events = body.to_device?.events ?? [];
    const kept = events.filter((event) => !isSealed(event));
    loss.lost += events.length - kept.length;
    messageCame ||= Object.values(body.rooms?.join ?? {}).some(
      (room) => room.timeline?.events?.some(isSealed) === true,
    );
    loss.losing = !(messageCame && loss.lost > 0);
    return body.to_device === undefined ? body : { ...body, to_device: { ...body.to_device, events: kept } };
  };
  await context.route(/\/_matrix\/client\/v3\/sync\?/, async (route) => {
    const answer = await route.fetch({ timeout: 0 }).catch(() => undefined);
    if (answer === undefined) return route.abort().catch(() => undefined);
    const body = (await answer.json().catch(() => ({}))) as SyncBody;
    return route.fulfill({ response: answer, json: lose(body) }).catch(() => undefined);
  });
  await context.routeWebSocket(/chat\.nyx\.socket/, (page) => {
    const server = page.connectToServer();
    server.onMessage((text) => {
      const frame = JSON.parse(String(text)) as { type: string; body: SyncBody };
      page.send(frame.type === 'sync' ? JSON.stringify({ ...frame, body: lose(frame.body) }) : text);
    });
  });
  return loss;
};

/** Notes whether this text ever stands in the timeline from now on, however shortly. */
export const watchFor = async (page: Page, text: string): Promise<() => Promise<boolean>> => {
  await page.evaluate((wanted) => {
    const seen = { seen: false };
    const look = (): void => {
      seen.seen ||= [...document.querySelectorAll('.message')].some((row) =>
        row.textContent.includes(wanted),
      );
    };
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    Object.assign(window, { watched: seen });
  }, text);
  return () => page.evaluate(() => (window as unknown as { watched: { seen: boolean } }).watched.seen);
};

/** What a failed test leaves to look at: each person's page as text, and the faults of its console. */
export const describePages = async (
  people: readonly Pick<Person, 'page' | 'userId' | 'faults'>[],
): Promise<string> => {
  const parts = await Promise.all(
    people.map(async ({ page, userId, faults }) => {
      const text = await page
        .locator('body')
        .innerText({ timeout: 5_000 })
        .catch(() => '(gone)');
      return `--- ${userId} ${page.url()}\n${text.slice(-1_500)}\n${faults.slice(-8).join('\n')}`;
    }),
  );
  return parts.join('\n');
};

/** Signs in to an account that another browser made; ends where the vault is set up. */
export const signIn = async (page: Page, url: string, name: string): Promise<void> => {
  await page.goto(`${url}/#/sign-in`);
  await page.getByLabel('Name', { exact: true }).fill(name, slow);
  await page.getByLabel('Password', { exact: true }).fill('a login password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Protect your messages' }).waitFor(slow);
};

/** Answers the server's question for the password, when a dialog asks for it. */
export const confirmPassword = async (page: Page): Promise<void> => {
  const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' });
  await dialog.getByLabel('Password').fill('a login password', slow);
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await dialog.waitFor({ state: 'hidden', ...slow });
};

export const closePanel = async (page: Page): Promise<void> => {
  const panel = page.getByRole('complementary');
  if (await panel.isVisible()) await panel.getByRole('button', { name: 'Close' }).click();
};
