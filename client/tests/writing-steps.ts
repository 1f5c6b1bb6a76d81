/** Writing: completion, drafts, commands, editing, files from the clipboard and from outside; joining and reporting. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { act, composer, message, openRoom, say, sees, unlock } from './app-driver.ts';
import { roomName } from './everyday-steps.ts';
import type { Pair } from './everyday-steps.ts';
import { png } from './picture.ts';
import { soon } from './world.ts';

const written = (page: Page, text: string) => expect.poll(() => composer(page).inputValue(), soon).toBe(text);

/** `@` offers members; the one picked is named in the message, which they see as meant for them. */
export const completesMentions = async ({ alice, bob }: Pair): Promise<void> => {
  await composer(alice.page).pressSequentially('look here @bo');
  const offered = alice.page.getByRole('option', { name: bob.userId });
  await offered.waitFor(soon);
  expect(await composer(alice.page).getAttribute('aria-expanded')).toBe('true');
  await composer(alice.page).press('Tab');
  await written(alice.page, 'look here @bob ');
  await composer(alice.page).pressSequentially('please');
  await composer(alice.page).press('Enter');
  const row = message(bob.page, 'look here');
  await row.waitFor(soon);
  expect(await row.getAttribute('class')).toContain('mention');
  expect(await row.locator('.pill').innerText()).toContain('bob');
  // An emoji by its name.
  await composer(alice.page).pressSequentially(':anchor');
  await alice.page.getByRole('option', { name: 'anchor' }).first().waitFor(soon);
  await composer(alice.page).press('Enter');
  await written(alice.page, '⚓️ ');
  await composer(alice.page).fill('');
};

/** The arrow up in an empty field opens the last message of one's own; Escape leaves it as it was. */
export const editsWithArrow = async ({ alice, bob }: Pair): Promise<void> => {
  await say(alice.page, 'the tide is at nien');
  await message(alice.page, 'the tide is at nien')
    .getByRole('img', { name: /^(Sent|Read)$/ })
    .waitFor(soon);
  await composer(alice.page).press('ArrowUp');
  await alice.page.getByText('Editing your message').waitFor(soon);
  await written(alice.page, 'the tide is at nien');
  await composer(alice.page).press('Escape');
  await written(alice.page, '');
  await composer(alice.page).press('ArrowUp');
  await written(alice.page, 'the tide is at nien');
  await say(alice.page, 'the tide is at nine');
  const row = message(bob.page, 'the tide is at nine');
  await row.waitFor(soon);
  await row.getByText('edited').waitFor(soon);
  expect(await message(bob.page, 'the tide is at nien').count()).toBe(0);
};

/** Gives the page a file as a drag from outside or a paste does. */
const give = (page: Page, how: 'drop' | 'paste', name: string, bytes: Buffer): Promise<void> =>
  page.evaluate(
    ({ how: kind, name: called, base64 }) => {
      const data = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([data], called, { type: 'image/png' }));
      const field = document.querySelector('.composer textarea');
      const target = kind === 'paste' ? field : document.querySelector('.talk');
      const init = { bubbles: true, cancelable: true };
      if (kind === 'paste') target?.dispatchEvent(new ClipboardEvent('paste', { ...init, clipboardData }));
      else {
        for (const type of ['dragover', 'drop'])
          target?.dispatchEvent(new DragEvent(type, { ...init, dataTransfer: clipboardData }));
      }
    },
    { how, name, base64: bytes.toString('base64') },
  );

/** Pictures that are pasted or dropped are shown before they are sent, with a caption. */
export const dropsAndPastes = async ({ alice, bob }: Pair): Promise<void> => {
  for (const how of ['paste', 'drop'] as const) {
    await give(alice.page, how, `${how}.png`, png(40, 30, how));
    const dialog = alice.page.getByRole('dialog');
    await dialog.getByText(`${how}.png`).waitFor(soon);
    await dialog.getByLabel('Caption').fill(`came by ${how}`);
    await dialog.getByRole('button', { name: 'Send', exact: true }).click();
    await dialog.waitFor({ state: 'hidden', ...soon });
    const row = message(bob.page, `came by ${how}`);
    await row.getByRole('button', { name: `Open ${how}.png` }).waitFor(soon);
    await row.locator('img').waitFor(soon);
  }
};

/** Slash commands do what they say, and say what is wrong with them. */
export const obeysCommands = async ({ alice, bob }: Pair): Promise<void> => {
  await say(alice.page, '/nonsense now');
  await alice.page.getByText('/nonsense is not a command.').waitFor(soon);
  await written(alice.page, '/nonsense now');
  await say(alice.page, '/invite nobody');
  await alice.page.getByText('Write it like this: /invite @user:server').waitFor(soon);
  await say(alice.page, '//is not a command');
  await sees(bob.page, '/is not a command');
  await say(alice.page, '/plain **two** stars');
  await sees(bob.page, '**two** stars');
  await say(alice.page, '/me waves');
  await message(bob.page, 'waves').locator('.emote').waitFor(soon);
  await say(alice.page, '/spoiler the ship sinks');
  const spoiler = message(bob.page, 'the ship sinks').locator('.spoiler');
  await spoiler.waitFor(soon);
  expect(await spoiler.getByText('the ship sinks').isVisible()).toBe(false);
  await spoiler.locator('summary').click();
  await spoiler.getByText('the ship sinks').waitFor(soon);
  // Completed from its first letters, and not twice.
  await composer(alice.page).pressSequentially('/top');
  await alice.page.getByRole('option', { name: /topic/ }).waitFor(soon);
  await composer(alice.page).press('Enter');
  await written(alice.page, '/topic ');
  await composer(alice.page).pressSequentially('Berths and moorings');
  await composer(alice.page).press('Enter');
  await bob.page.getByText('alice set the topic: Berths and moorings').waitFor(soon);
};

/** A report goes to the server with the reason, and the reporter is told. */
export const reportsMessage = async ({ bob }: Pair): Promise<void> => {
  const told = bob.page.waitForRequest(/\/report\//, soon);
  await act(bob.page, 'the tide is at nine', 'Report');
  const dialog = bob.page.getByRole('dialog');
  expect(await dialog.getByRole('button', { name: 'Report' }).isDisabled()).toBe(true);
  await dialog.getByLabel('What is wrong?').fill('it is at ten');
  await dialog.getByRole('button', { name: 'Report' }).click();
  await bob.page.getByText('Reported. Thank you.').first().waitFor(soon);
  const request = await told;
  expect(request.postDataJSON()).toMatchObject({ reason: 'it is at ten' });
  expect((await request.response())?.status()).toBe(200);
};

/** A public room with an address on another server, joined by the address, and by a link in a message. */
export const joinsByAddress = async ({ alice, bob }: Pair): Promise<void> => {
  const host = alice.userId.slice(alice.userId.indexOf(':') + 1);
  for (const name of ['quay', 'jetty']) {
    await alice.page.getByRole('button', { name: 'New conversation' }).click();
    await alice.page.getByRole('menuitem', { name: 'Create a room' }).click();
    const dialog = alice.page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill(`Public ${name}`);
    await dialog.getByRole('radio', { name: 'Everyone' }).click();
    await dialog.getByLabel('Address').fill(name);
    await dialog.getByRole('button', { name: 'Create' }).click();
    await alice.page
      .getByRole('heading', { name: `Public ${name}` })
      .first()
      .waitFor(soon);
    await composer(alice.page).waitFor(soon);
  }
  await bob.page.getByRole('button', { name: 'New conversation' }).click();
  await bob.page.getByRole('menuitem', { name: 'Join by address' }).click();
  const dialog = bob.page.getByRole('dialog');
  await dialog.getByLabel('Address or link').fill('no address');
  await dialog.getByRole('button', { name: 'Join', exact: true }).click();
  await dialog.getByText('That is not a room address.').waitFor(soon);
  await dialog.getByLabel('Address or link').fill(`#quay:${host}`);
  await dialog.getByRole('button', { name: 'Join', exact: true }).click();
  await bob.page.getByRole('heading', { name: 'Public quay' }).first().waitFor(soon);
  await composer(bob.page).waitFor(soon);
  await say(bob.page, 'came by the address');
  await openRoom(alice.page, 'Public quay');
  await sees(alice.page, 'came by the address');

  const jetty = encodeURIComponent(`#jetty:${host}`);
  await say(alice.page, `[the jetty](https://matrix.to/#/${jetty})`);
  await bob.page.locator('.message .pill', { hasText: 'the jetty' }).click(soon);
  await bob.page.getByRole('button', { name: 'Join', exact: true }).click(soon);
  await bob.page.getByRole('heading', { name: 'Public jetty' }).first().waitFor(soon);
  await say(bob.page, 'came by the link');
  await openRoom(alice.page, 'Public jetty');
  await sees(alice.page, 'came by the link');
  await openRoom(alice.page, roomName);
  await openRoom(bob.page, roomName);
};

/** What is being written, with what it answers, outlives a change of rooms and a reload. What was sent does not. */
export const keepsDraft = async ({ alice }: Pair): Promise<void> => {
  const { page } = alice;
  const text = 'half a thought about cranberrygulls';
  const awayAndBack = async (kept: string): Promise<void> => {
    await openRoom(page, 'Public jetty');
    await written(page, '');
    await openRoom(page, roomName);
    await written(page, kept);
  };
  const reload = async (): Promise<void> => {
    await page.reload();
    await unlock(page);
    await openRoom(page, roomName);
  };
  await act(page, 'minutes of the', 'Reply');
  await page.getByText('Replying to alice').waitFor(soon);
  await composer(page).fill(text);
  await awayAndBack(text);
  await reload();
  await written(page, text);
  await page.getByText('Replying to alice').waitFor(soon);
  await composer(page).press('Enter');
  await message(page, text).locator('.quote').waitFor(soon);
  await awayAndBack('');
  await reload();
  await sees(page, text);
  await written(page, '');
};
