/**
 * What people do with the app besides talking, end to end: files, voice, polls, forwarding, pins, export, roles, direct
 * messages, requests and notifications; then new devices, linked, recovered and verified.
 */
import { readFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import type { Demo } from '@nyx/homeserver/demo/start-demo.ts';
import { startDemo } from '@nyx/homeserver/demo/start-demo.ts';
import {
  acceptInvite,
  act,
  closePanel,
  composer,
  confirmPassword,
  createRoom,
  describePages,
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
} from './app-driver.ts';
import type { Person } from './app-driver.ts';
import { chromiumPath, launch } from './browser.ts';

const patient = 300_000;
const soon = { timeout: 60_000 };
const roomName = 'Harbour committee';

let demo: Demo;
let browser: Browser;
let alice: Person;
let bob: Person;

const pages = (...more: Person[]): void => {
  onTestFailed(async () => console.log(await describePages([alice, bob, ...more])));
};

beforeAll(async () => {
  if (chromiumPath === undefined) return;
  demo = await startDemo({ report: () => undefined, env: { NYX_RATE_LIMITS: 'off' } });
  browser = await launch(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']);
  const [first, second] = demo.servers;
  // What the page would show outside itself: headless Chromium shows nothing.
  const permissions = ['microphone', 'notifications', 'clipboard-read', 'clipboard-write'];
  [alice, bob] = await Promise.all([
    newPerson(browser, first, 'alice', { permissions, acceptDownloads: true }),
    newPerson(browser, second, 'bob', { permissions, acceptDownloads: true }),
  ]);
  await createRoom(alice.page, roomName);
  await invite(alice.page, bob.userId);
  await acceptInvite(bob.page, roomName);
  await alice.page.getByText('bob joined').first().waitFor(soon);
  await say(alice.page, 'minutes of the **last** meeting');
  await sees(bob.page, 'minutes of the');
}, patient);

afterAll(async () => {
  if (chromiumPath === undefined) return;
  await browser.close();
  await demo[Symbol.asyncDispose]();
}, patient);

const sendsFile = async (): Promise<void> => {
  const bytes = randomBytes(70_000);
  await sendFiles(alice.page, [{ name: 'tides.bin', mimeType: 'application/octet-stream', buffer: bytes }]);
  const row = bob.page.getByRole('button', { name: /tides\.bin/ });
  await row.waitFor(soon);
  await row.click();
  const download = bob.page.waitForEvent('download', soon);
  await bob.page.getByRole('dialog').getByRole('button', { name: 'Save' }).last().click(soon);
  expect(Buffer.compare(await readFile(await (await download).path()), bytes)).toBe(0);
  await bob.page.keyboard.press('Escape');
};

const sendsVoice = async (): Promise<void> => {
  await bob.page.getByRole('button', { name: 'Record a voice message' }).click();
  await bob.page.getByText(/Recording 0:0[1-9]/).waitFor(soon);
  await bob.page.getByRole('button', { name: 'Stop and send' }).click();
  const voice = alice.page.locator('.message').filter({ hasText: 'Voice message' }).last();
  await voice.getByRole('button', { name: 'Play' }).click(soon);
  await expect
    .poll(() => voice.locator('audio').evaluate((audio: HTMLAudioElement) => audio.currentTime), soon)
    .toBeGreaterThan(0);
};

const runsPoll = async (): Promise<void> => {
  await alice.page.getByRole('button', { name: 'Attach' }).click();
  await alice.page.getByRole('menuitem', { name: 'Poll' }).click();
  const dialog = alice.page.getByRole('dialog');
  await dialog.getByLabel('Question').fill('Which evening?');
  await dialog.getByLabel('Answer 1').fill('Tuesday');
  await dialog.getByLabel('Answer 2').fill('Friday');
  await dialog.getByRole('button', { name: 'Create' }).click();
  const poll = (page: Page) => page.locator('.message').filter({ hasText: 'Which evening?' }).last();
  await poll(bob.page)
    .getByRole('button', { name: /Friday/ })
    .click(soon);
  await poll(alice.page).getByText('1 vote').waitFor(soon);
  await poll(alice.page)
    .getByRole('button', { name: /Tuesday/ })
    .click();
  await poll(bob.page).getByText('2 votes').waitFor(soon);
  // A vote can be changed; the last one counts.
  await poll(bob.page)
    .getByRole('button', { name: /Tuesday/ })
    .click();
  await poll(alice.page)
    .getByRole('button', { name: /Tuesday.*100%/ })
    .waitFor(soon);
  await act(alice.page, 'Which evening?', 'End poll');
  await poll(bob.page).getByText('Ended with 2 votes').waitFor(soon);
  expect(
    await poll(bob.page)
      .getByRole('button', { name: /Friday/ })
      .isDisabled(),
  ).toBe(true);
};

const pinsAndForwards = async (): Promise<void> => {
  await act(alice.page, 'minutes of the', 'Pin or unpin');
  await bob.page.getByRole('button', { name: 'Pinned messages' }).click(soon);
  await bob.page.getByRole('complementary').getByText('minutes of the').waitFor(soon);
  await closePanel(bob.page);
  await createRoom(alice.page, 'Notes to myself');
  await openRoom(alice.page, roomName);
  await act(alice.page, 'minutes of the', 'Forward');
  await alice.page.getByRole('dialog').getByRole('button', { name: 'Notes to myself' }).click();
  await openRoom(alice.page, 'Notes to myself');
  await message(alice.page, 'minutes of the').getByRole('img', { name: 'Sent' }).waitFor(soon);
  // A forwarded message is a new one: formatting stays, what it belonged to does not.
  expect(await message(alice.page, 'minutes of the').locator('strong').innerText()).toBe('last');
  await openRoom(alice.page, roomName);
};

const usesThreadsAndSearch = async (): Promise<void> => {
  await act(bob.page, 'minutes of the', 'Reply in thread');
  const thread = bob.page.locator('.thread .composer textarea');
  await thread.fill('one correction to page two');
  await thread.press('Enter');
  await alice.page.getByRole('button', { name: '1 reply' }).click(soon);
  await alice.page.locator('.thread').getByText('one correction to page two').waitFor(soon);
  await closePanel(alice.page);
  await closePanel(bob.page);
  await alice.page.getByRole('button', { name: 'Search in this conversation' }).click();
  await alice.page.getByPlaceholder('Search messages').fill('LAST meet');
  const hit = alice.page.getByRole('complementary').locator('mark');
  await hit.first().waitFor(soon);
  expect((await hit.first().innerText()).toLowerCase()).toBe('last meet');
  // What was written as markdown is found and shown as text.
  expect(await alice.page.getByRole('complementary').locator('.what').first().innerText()).not.toContain(
    '**',
  );
  await closePanel(alice.page);
};

const exports = async (): Promise<void> => {
  await openPanel(bob.page);
  await bob.page.getByRole('tab', { name: 'Privacy' }).click();
  const download = bob.page.waitForEvent('download', soon);
  await bob.page.getByRole('button', { name: 'Export history' }).click();
  const file = await readFile(await (await download).path(), 'utf8');
  const events = JSON.parse(file) as { type: string; content: { body?: string } }[];
  expect(events.some((event) => event.content.body?.includes('minutes of the') === true)).toBe(true);
  expect(events.some((event) => event.type === 'm.room.create')).toBe(true);
  await closePanel(bob.page);
};

const givesRoles = async (): Promise<void> => {
  await openMember(alice.page, bob.userId);
  await alice.page.getByLabel('Role').selectOption('50');
  await bob.page.getByText('alice changed who may do what').waitFor(soon);
  await closePanel(alice.page);
  await openPanel(bob.page);
  await bob.page.getByRole('tab', { name: 'People' }).click();
  await bob.page.locator('.member').filter({ hasText: bob.userId }).getByText('Moderator').waitFor(soon);
  // A moderator may change what members may not.
  await bob.page.getByRole('tab', { name: 'Settings' }).click();
  await bob.page
    .getByRole('complementary')
    .getByLabel('What is it about?')
    .or(bob.page.getByLabel('Topic'))
    .fill('Boats and berths');
  await bob.page.getByRole('complementary').getByRole('button', { name: 'Save' }).click();
  await alice.page.getByText('bob set the topic: Boats and berths').waitFor(soon);
  await closePanel(bob.page);
};

describe.skipIf(chromiumPath === undefined)('everyday', () => {
  it(
    'sends files and voice, runs a poll, pins, forwards, threads, searches, exports and gives roles',
    async () => {
      pages();
      await sendsFile();
      await sendsVoice();
      await runsPoll();
      await pinsAndForwards();
      await usesThreadsAndSearch();
      await exports();
      await givesRoles();
    },
    patient,
  );

  it(
    'takes direct messages from strangers as requests, notifies, and blocks',
    async () => {
      const [first] = demo.servers;
      const dora = await newPerson(browser, first, 'dora');
      pages(dora);
      // A stranger's first contact waits apart.
      await dora.page.getByRole('button', { name: 'New conversation' }).click();
      await dora.page.getByRole('menuitem', { name: 'Message a person' }).click();
      await dora.page.getByRole('dialog').getByLabel('Name or address').fill(bob.userId);
      await dora.page.getByRole('button', { name: 'Start conversation' }).click();
      await composer(dora.page).waitFor(soon);
      const requests = bob.page.getByRole('region', { name: 'Requests' });
      await requests.getByRole('link', { name: /dora/ }).click(soon);
      await bob.page.getByText('dora wants to talk to you.').waitFor(soon);
      await bob.page.getByRole('button', { name: 'Accept' }).click();
      await composer(bob.page).waitFor(soon);
      await say(bob.page, 'who is there?');
      await sees(dora.page, 'who is there?');
      await bob.page.getByRole('button', { name: 'People', exact: true }).click();
      await bob.page.getByRole('link', { name: /dora/ }).first().waitFor(soon);
      await bob.page.getByRole('button', { name: 'All', exact: true }).click();

      // Out of sight: the title counts, the system is told, and says nothing of the text.
      await bob.page.evaluate(() => {
        const shown: { title: string; body: string | undefined }[] = [];
        class Recorded {
          static readonly permission = 'granted';
          static requestPermission = () => Promise.resolve('granted');
          onclick = undefined;
          constructor(title: string, options: { body?: string }) {
            shown.push({ title, body: options.body });
          }
        }
        Object.assign(window, { Notification: Recorded, shownNotices: shown });
        document.hasFocus = () => false;
      });
      await bob.page.getByRole('button', { name: 'Settings', exact: true }).click();
      await bob.page.getByRole('link', { name: 'Notifications' }).click();
      await bob.page.getByRole('switch', { name: /Notify outside this page/ }).click();
      await say(dora.page, 'gullfeather at the pier');
      await expect.poll(() => bob.page.title(), soon).toMatch(/^\(1\)/);
      const shown = () =>
        bob.page.evaluate(
          () => (window as unknown as { shownNotices: { title: string; body: string }[] }).shownNotices,
        );
      await expect.poll(async () => (await shown()).length, soon).toBeGreaterThan(0);
      expect(JSON.stringify(await shown())).not.toContain('gullfeather');
      await openRoom(bob.page, 'dora');
      await sees(bob.page, 'gullfeather at the pier');
      await expect.poll(() => bob.page.title(), soon).not.toMatch(/^\(/);

      await openMember(bob.page, dora.userId);
      await bob.page.getByRole('button', { name: 'Block', exact: true }).click();
      await bob.page.getByText('Blocked. You no longer see what they write.').first().waitFor(soon);
      await expect.poll(() => message(bob.page, 'gullfeather').count(), soon).toBe(0);
      await bob.page.getByRole('button', { name: 'Unblock', exact: true }).click();
      await sees(bob.page, 'gullfeather at the pier');
      await closePanel(bob.page);
      await openRoom(bob.page, roomName);
      await dora.context.close();
    },
    patient,
  );

  it(
    'gathers rooms in spaces, and keeps what to be told about',
    async () => {
      pages();
      await closePanel(alice.page);
      await createRoom(alice.page, 'Elsewhere');
      await alice.page.getByRole('button', { name: 'New conversation' }).click();
      await alice.page.getByRole('menuitem', { name: 'Create a space' }).click();
      const dialog = alice.page.getByRole('dialog');
      await dialog.getByLabel('Name', { exact: true }).fill('Harbour');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await alice.page.getByRole('heading', { name: 'Harbour', level: 1 }).waitFor(soon);
      await alice.page.getByText('Nothing in this space yet').waitFor(soon);
      await alice.page.getByRole('button', { name: 'Add a room' }).click();
      await dialog.getByRole('button', { name: roomName }).click();
      await alice.page.getByRole('heading', { name: roomName }).waitFor(soon);

      const spaces = alice.page.getByRole('group', { name: 'Spaces' });
      const rooms = alice.page
        .getByRole('navigation', { name: 'Conversations' })
        .locator('[data-room]:visible');
      await expect.poll(() => rooms.count(), soon).toBeGreaterThan(1);
      await spaces.getByRole('button', { name: 'Harbour' }).click();
      await expect.poll(() => rooms.allInnerTexts(), soon).toEqual([expect.stringContaining(roomName)]);
      await spaces.getByRole('button', { name: 'Harbour' }).click();

      await alice.page.getByRole('button', { name: 'Invite people' }).click();
      await dialog.getByLabel('Name or address').fill(bob.userId);
      await dialog.getByRole('button', { name: 'Invite', exact: true }).click();
      await bob.page.getByRole('link', { name: /Harbour.*invites you/ }).click(soon);
      await bob.page.getByRole('button', { name: 'Accept' }).click(soon);
      await bob.page.getByRole('heading', { name: 'Harbour', level: 1 }).waitFor(soon);
      await bob.page
        .locator('.room-row')
        .filter({ hasText: roomName })
        .getByRole('button', { name: 'Open' })
        .click(soon);
      await composer(bob.page).waitFor(soon);

      // The server keeps the rules: what the page shows is what came back from there.
      await alice.page.getByRole('button', { name: 'Settings', exact: true }).click();
      await alice.page.getByRole('link', { name: 'Notifications' }).click();
      const invitations = alice.page.getByRole('switch', { name: 'Invitations' });
      await invitations.click();
      await expect.poll(() => invitations.getAttribute('aria-checked'), soon).toBe('false');
      await openRoom(alice.page, roomName);
      await openPanel(alice.page);
      await alice.page.getByRole('tab', { name: 'Settings' }).click();
      await alice.page.getByRole('radio', { name: 'Nothing' }).click();
      await expect
        .poll(() => alice.page.getByRole('radio', { name: 'Nothing' }).isChecked(), soon)
        .toBe(true);
      await alice.page.getByRole('radio', { name: 'All messages' }).click();
      await expect
        .poll(() => alice.page.getByRole('radio', { name: 'All messages' }).isChecked(), soon)
        .toBe(true);
      await closePanel(alice.page);
    },
    patient,
  );

  it(
    'links a device by its code, recovers another by the words, verifies people by emoji, and signs devices out',
    async () => {
      const [first] = demo.servers;
      const linked = await newPage(browser);
      const recovered = await newPage(browser);
      onTestFailed(async () =>
        console.log(
          await describePages([
            alice,
            bob,
            { ...linked, userId: 'linked', words: [] },
            { ...recovered, userId: 'recovered', words: [] },
          ]),
        ),
      );
      const setUp = async (page: Page, how: 'Another device' | 'Recovery words'): Promise<void> => {
        await signIn(page, first.url, 'alice');
        await page.getByText('This account is set up on another device.').waitFor(soon);
        await page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
        await page.getByLabel('Passphrase again').fill(passphrase);
        await page.getByRole('radio', { name: how }).click();
        if (how === 'Recovery words') await page.getByLabel('Recovery words').fill(alice.words.join(' '));
        await page.getByRole('button', { name: 'Protect' }).click();
      };

      await setUp(linked.page, 'Another device');
      const code = await linked.page.locator('code.code').innerText(soon);
      await alice.page.getByRole('button', { name: 'Settings', exact: true }).click();
      await alice.page.getByRole('link', { name: 'Devices' }).click();
      await alice.page.getByRole('button', { name: 'Link a device' }).click();
      await alice.page.getByRole('dialog').getByRole('textbox', { name: 'Code' }).fill('bm90IGEgY29kZQ');
      await alice.page.getByRole('dialog').getByRole('button', { name: 'Link a device' }).click();
      await alice.page.getByText('That is not a code of Nyx').first().waitFor(soon);
      await alice.page.getByRole('dialog').getByRole('textbox', { name: 'Code' }).fill(code);
      await alice.page.getByRole('dialog').getByRole('button', { name: 'Link a device' }).click();
      await alice.page.getByText('The new device is linked.').first().waitFor(soon);
      await linked.page.getByRole('heading', { name: 'Conversations', exact: true }).waitFor(soon);
      await openRoom(linked.page, roomName);
      await sees(linked.page, 'minutes of the');

      await setUp(recovered.page, 'Recovery words');
      await recovered.page.getByRole('heading', { name: 'Conversations', exact: true }).waitFor(soon);
      await openRoom(recovered.page, roomName);
      await sees(recovered.page, 'minutes of the');

      // The new devices are full ones: what they write, others read, and the other way round.
      await say(linked.page, 'from the linked device');
      await sees(bob.page, 'from the linked device');
      await say(recovered.page, 'from the recovered device');
      await sees(bob.page, 'from the recovered device');
      await say(bob.page, 'all of you are alice');
      await Promise.all([
        sees(linked.page, 'all of you are alice'),
        sees(recovered.page, 'all of you are alice'),
      ]);

      await openRoom(alice.page, roomName);
      await recovered.context.close();
      await linked.context.close();

      await openMember(bob.page, alice.userId);
      await bob.page.getByRole('button', { name: 'Compare emoji' }).click();
      const theirs = alice.page.getByRole('dialog');
      const mine = bob.page.getByRole('dialog');
      await theirs.getByRole('button', { name: 'Accept' }).click(soon);
      await mine.getByRole('button', { name: 'Compare emoji' }).click(soon);
      await Promise.all([
        theirs.locator('.emoji li').nth(6).waitFor(soon),
        mine.locator('.emoji li').nth(6).waitFor(soon),
      ]);
      expect(await theirs.locator('.emoji').innerText()).toBe(await mine.locator('.emoji').innerText());
      await theirs.getByRole('button', { name: 'They match' }).click();
      await mine.getByRole('button', { name: 'They match' }).click();
      await Promise.all([
        theirs.getByText('Verified. Nobody sits between you.').waitFor(soon),
        mine.getByText('Verified. Nobody sits between you.').waitFor(soon),
      ]);
      await theirs.getByRole('button', { name: 'Done' }).click();
      await mine.getByRole('button', { name: 'Done' }).click();
      await bob.page.getByText('Verified by you').waitFor(soon);
      await closePanel(bob.page);

      await alice.page.getByRole('button', { name: 'Settings', exact: true }).click();
      await alice.page.getByRole('link', { name: 'Devices' }).click();
      const others = alice.page
        .locator('.section > section')
        .filter({ hasText: 'Other devices' })
        .locator('li');
      await expect.poll(() => others.count(), soon).toBe(2);
      await others.first().getByText('Confirmed').waitFor(soon);
      await others.first().getByRole('button', { name: 'Rename' }).click();
      await alice.page.getByRole('dialog').getByLabel('Name of the device').fill('Kitchen tablet');
      await alice.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      const tablet = others.filter({ hasText: 'Kitchen tablet' });
      await tablet.waitFor(soon);
      await tablet.getByRole('button', { name: 'Sign out' }).click();
      await alice.page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
      await confirmPassword(alice.page);
      await expect.poll(() => others.count(), soon).toBe(1);
      await openRoom(alice.page, roomName);
      await say(alice.page, 'after the tablet went');
      await sees(bob.page, 'after the tablet went');
    },
    patient,
  );
});
