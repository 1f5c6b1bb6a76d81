/**
 * Access: axe finds nothing serious on any screen, nothing hangs over the edge at 375 px, and the app can be used with
 * the keyboard alone. Every combination of size and scheme with NYX_TEST_LONG, one of them for each screen without.
 */
import axe from 'axe-core';
import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { composer, message, newPage, passphrase } from './app-driver.ts';
import { chromiumPath } from './browser.ts';
import { soon, useWorld } from './world.ts';
import { walk } from './walk.ts';

type Violation = { id: string; impact: string; nodes: { html: string; failureSummary: string }[] };

const patient = 600_000;
const long = process.env.NYX_TEST_LONG !== undefined;
const combinations = [
  { width: 375, height: 812, colorScheme: 'dark' },
  { width: 1280, height: 800, colorScheme: 'light' },
  { width: 375, height: 812, colorScheme: 'light' },
  { width: 1280, height: 800, colorScheme: 'dark' },
] as const;

const world = useWorld();

/** What axe finds on the page as it stands, serious and worse. */
const seriousOn = async (page: Page): Promise<string[]> => {
  // Colours on their way from one scheme to another are neither.
  await page.waitForFunction(() => {
    const wanted = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
    return document.documentElement.dataset.theme === wanted;
  });
  await page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
    await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => undefined)));
  });
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe: runner } = window as unknown as {
      axe: { run: (root: Document, options: object) => Promise<{ violations: Violation[] }> };
    };
    const found = await runner.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      resultTypes: ['violations'],
    });
    return found.violations;
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes
        .slice(0, 3)
        .map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`),
    );
};

/** Visible elements that reach over the side of the page; what scrolls on purpose does not count. */
const overTheEdge = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const wide = document.documentElement.clientWidth;
    const over: string[] = [];
    if (document.documentElement.scrollWidth > wide + 1) over.push('the page scrolls sideways');
    for (const element of document.querySelectorAll('button, input, textarea, h1, h2, p')) {
      const box = element.getBoundingClientRect();
      const clipped = element.closest('.sr-only, .skip, pre, .table-scroll, .filters, .tabs');
      if (clipped !== null || box.width === 0 || !element.checkVisibility()) continue;
      if (box.right > wide + 1 || box.left < -1) over.push(element.outerHTML.slice(0, 120));
    }
    return over;
  });

/** Presses Tab until what has the focus is called this. */
const tabTo = async (page: Page, name: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> => {
  const seen: string[] = [];
  for (let step = 0; step < 80; step += 1) {
    await page.keyboard.press(key);
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement | null;
      if (element === null) return '';
      const { labels } = element as HTMLInputElement;
      const label = labels?.[0]?.textContent ?? '';
      return (element.getAttribute('aria-label') ?? (label || element.textContent))
        .trim()
        .replace(/\s+/g, ' ');
    });
    if (name.test(focused)) return;
    seen.push(focused.slice(0, 40));
  }
  throw new Error(`Tab does not reach ${String(name)}: ${seen.join(' | ')}`);
};

describe.skipIf(chromiumPath === undefined)('access', () => {
  it(
    'has nothing serious for axe on any screen, in light and dark, and fits 375 px',
    async () => {
      const problems: Record<string, string[]> = {};
      let screens = 0;
      await walk(
        world.browser,
        world.demo,
        async (page, name) => {
          screens += 1;
          const chosen = long
            ? combinations
            : [combinations[screens % combinations.length] ?? combinations[0]];
          for (const { width, height, colorScheme } of chosen) {
            await page.setViewportSize({ width, height });
            await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
            const found = [...(await seriousOn(page)), ...(width === 375 ? await overTheEdge(page) : [])];
            if (found.length > 0) problems[`${name} ${width} ${colorScheme}`] = found;
          }
          await page.setViewportSize({ width: 1280, height: 800 });
          await page.emulateMedia({ colorScheme: 'light' });
        },
        // axe is put into the page from outside, which the page's own policy rightly refuses.
        { bypassCSP: true },
      );
      expect(problems).toEqual({});
      expect(screens).toBeGreaterThan(35);
    },
    patient,
  );

  it(
    'takes a person from the sign-up to a conversation with the keyboard alone',
    async () => {
      const [server] = world.demo.servers;
      const { page, context } = await newPage(world.browser);
      const { keyboard } = page;
      await page.goto(`${server.url}/#/sign-up`);
      await page.getByLabel('Name', { exact: true }).waitFor(soon);
      await tabTo(page, /^Name$/);
      await keyboard.type('kiki');
      await tabTo(page, /^Password$/);
      await keyboard.type('a login password');
      await tabTo(page, /^Password again$/);
      await keyboard.type('a login password');
      await keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Protect your messages' }).waitFor(soon);
      // The first field has the focus already.
      await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT');
      await keyboard.type(passphrase);
      await tabTo(page, /^Passphrase again$/);
      await keyboard.type(passphrase);
      await keyboard.press('Enter');
      const items = page.locator('.words li');
      await items.nth(23).waitFor(soon);
      const words = (await items.allTextContents()).map((text) => text.replace(/^\d+/, '').trim());
      await tabTo(page, /^I wrote them down$/);
      await keyboard.press('Enter');
      await page.getByText('Enter these three to be sure.').waitFor();
      for (let field = 0; field < 3; field += 1) {
        await tabTo(page, /^Word \d+$/);
        const label = await page.evaluate(
          () => (document.activeElement as HTMLInputElement).labels?.[0]?.textContent ?? '',
        );
        await keyboard.type(words[Number(label.replace(/\D/g, '')) - 1] ?? '');
      }
      await keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Conversations', exact: true }).waitFor(soon);

      await tabTo(page, /^New conversation$/);
      await keyboard.press('Enter');
      await page.getByRole('menuitem', { name: 'Create a room' }).waitFor();
      await keyboard.press('ArrowDown');
      await expect
        .poll(async () => {
          const current = await page.evaluate(() => document.activeElement?.textContent.trim());
          if (current !== 'Create a room') await keyboard.press('ArrowDown');
          return current;
        })
        .toBe('Create a room');
      await keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await tabTo(page, /^Name/);
      await keyboard.type('By hand');
      await keyboard.press('Enter');
      await composer(page).waitFor(soon);
      // A new room's composer has the focus.
      await expect.poll(() => composer(page).evaluate((box) => box === document.activeElement)).toBe(true);
      await keyboard.type('typed without a mouse');
      await keyboard.press('Enter');
      await message(page, 'typed without a mouse').getByRole('img', { name: 'Sent' }).waitFor(soon);
      await keyboard.type('second line');
      await keyboard.press('Enter');
      await message(page, 'second line').getByRole('img', { name: 'Sent' }).waitFor(soon);

      // Into the timeline, up a message, and its actions.
      await tabTo(page, /^Messages in By hand$/, 'Shift+Tab');
      await keyboard.press('ArrowUp');
      await keyboard.press('ArrowUp');
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
        .toMatch(/typed without a mouse/);
      await tabTo(page, /^Reply$/);
      await keyboard.press('Enter');
      await expect.poll(() => composer(page).evaluate((box) => box === document.activeElement)).toBe(true);
      await keyboard.type('an answer');
      await keyboard.press('Enter');
      await message(page, 'an answer').locator('.quote').waitFor(soon);

      // Ctrl+K finds a conversation; Escape closes what is open.
      await keyboard.press('Control+k');
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('room-search');
      await tabTo(page, /^Room details$/);
      await keyboard.press('Enter');
      await page.getByRole('complementary', { name: 'Room details' }).waitFor();
      await tabTo(page, /^People$/);
      await keyboard.press('ArrowRight');
      await page.getByRole('tab', { name: 'Settings', selected: true }).waitFor();
      await keyboard.press('Escape');
      await page.getByRole('complementary', { name: 'Room details' }).waitFor({ state: 'hidden' });
      await context.close();
    },
    patient,
  );
});
