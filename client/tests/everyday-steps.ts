/** What two people do with the app besides talking, one step each: what alice does shows at bob's, and the other way. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import {
  act,
  closePanel,
  createRoom,
  message,
  openMember,
  openPanel,
  openRoom,
  sendFiles,
} from './app-driver.ts';
import type { Person } from './app-driver.ts';
import { soon } from './world.ts';

export type Pair = { readonly alice: Person; readonly bob: Person };

/** The encrypted room that both are in. */
export const roomName = 'Harbour committee';

export const sendsFile = async ({ alice, bob }: Pair): Promise<void> => {
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

export const sendsVoice = async ({ alice, bob }: Pair): Promise<void> => {
  await bob.page.getByRole('button', { name: 'Record a voice message' }).click();
  await bob.page.getByText(/Recording 0:0[1-9]/).waitFor(soon);
  await bob.page.getByRole('button', { name: 'Stop and send' }).click();
  const voice = alice.page.locator('.message').filter({ hasText: 'Voice message' }).last();
  await voice.getByRole('button', { name: 'Play' }).click(soon);
  await expect
    .poll(() => voice.locator('audio').evaluate((audio: HTMLAudioElement) => audio.currentTime), soon)
    .toBeGreaterThan(0);
};

export const runsPoll = async ({ alice, bob }: Pair): Promise<void> => {
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

export const pinsAndForwards = async ({ alice, bob }: Pair): Promise<void> => {
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

export const usesThreadsAndSearch = async ({ alice, bob }: Pair): Promise<void> => {
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

export const exportsHistory = async ({ bob }: Pair): Promise<void> => {
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

export const givesRoles = async ({ alice, bob }: Pair): Promise<void> => {
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
