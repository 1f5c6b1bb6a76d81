/**
 * What people do with the app besides talking, end to end: files, voice, polls, forwarding, pins, export, roles, direct
 * messages, requests and notifications; then new devices, linked, recovered and verified.
 */
import { beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import type { Page } from 'playwright-core';
import {
  acceptInvite,
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
  signIn,
} from './app-driver.ts';
import type { Person } from './app-driver.ts';
import { chromiumPath } from './browser.ts';
import {
  exportsHistory,
  givesRoles,
  pinsAndForwards,
  roomName,
  runsPoll,
  sendsFile,
  sendsVoice,
  usesThreadsAndSearch,
} from './everyday-steps.ts';
import { patient, soon, useWorld } from './world.ts';
import {
  completesMentions,
  dropsAndPastes,
  editsWithArrow,
  joinsByAddress,
  keepsDraft,
  obeysCommands,
  reportsMessage,
} from './writing-steps.ts';

const world = useWorld(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']);
let alice: Person;
let bob: Person;

const pages = (...more: Person[]): void => {
  onTestFailed(async () => console.log(await describePages([alice, bob, ...more])));
};

beforeAll(async () => {
  if (chromiumPath === undefined) return;
  const [first, second] = world.demo.servers;
  // What the page would show outside itself: headless Chromium shows nothing.
  const permissions = ['microphone', 'notifications', 'clipboard-read', 'clipboard-write'];
  [alice, bob] = await Promise.all([
    newPerson(world.browser, first, 'alice', { permissions, acceptDownloads: true }),
    newPerson(world.browser, second, 'bob', { permissions, acceptDownloads: true }),
  ]);
  await createRoom(alice.page, roomName);
  await invite(alice.page, bob.userId);
  await acceptInvite(bob.page, roomName);
  await alice.page.getByText('bob joined').first().waitFor(soon);
  await say(alice.page, 'minutes of the **last** meeting');
  await sees(bob.page, 'minutes of the');
}, patient);

describe.skipIf(chromiumPath === undefined)('everyday', () => {
  it(
    'sends files and voice, runs a poll, pins, forwards, threads, searches, exports and gives roles',
    async () => {
      pages();
      const pair = { alice, bob };
      await sendsFile(pair);
      await sendsVoice(pair);
      await runsPoll(pair);
      await pinsAndForwards(pair);
      await usesThreadsAndSearch(pair);
      await exportsHistory(pair);
      await givesRoles(pair);
    },
    patient,
  );

  it(
    'completes mentions, keeps drafts, edits with the arrow, obeys commands, takes files, joins by address, reports',
    async () => {
      pages();
      const pair = { alice, bob };
      await openRoom(alice.page, roomName);
      await openRoom(bob.page, roomName);
      await completesMentions(pair);
      await editsWithArrow(pair);
      await dropsAndPastes(pair);
      await obeysCommands(pair);
      await reportsMessage(pair);
      await joinsByAddress(pair);
      await keepsDraft(pair);
    },
    patient,
  );

  it(
    'takes direct messages from strangers as requests, notifies, and blocks',
    async () => {
      const [first] = world.demo.servers;
      const dora = await newPerson(world.browser, first, 'dora');
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
      const [first] = world.demo.servers;
      const linked = await newPage(world.browser);
      const recovered = await newPage(world.browser);
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
