/**
 * The project's main job, end to end: people on two federated servers, each in a browser of their own, talk in an
 * encrypted room, lose members, keys, the network and a server; then everything the servers hold is searched for what
 * they said (e2ee.md section 3).
 */
import { expect, it, onTestFailed } from 'vitest';
import type { BrowserContext } from 'playwright-core';
import {
  acceptInvite,
  act,
  composer,
  createRoom,
  describePages,
  invite,
  makeKeysLosable,
  message,
  newPerson,
  openMember,
  openRoom,
  passphrase,
  say,
  sees,
  sendFiles,
  sourceOf,
  unlock,
  watchFor,
} from './app-driver.ts';
import type { KeyLoss, Person } from './app-driver.ts';
import { chromiumPath } from './browser.ts';
import { patient, soon, useWorld } from './world.ts';
import { png } from './picture.ts';
import { eventsOf, searchServers } from './server-search.ts';

/** Said in the encrypted room: none of it may be found on a server. Nothing else contains these words. */
const secrets = {
  beforeBob: 'zephyrquill before anyone joined',
  hello: 'marblefinch can you read this',
  answer: 'cindervale loud and clear',
  reply: 'thornwillow is my reply',
  typo: 'glasshoppr has a typo',
  edited: 'glasshopper without the typo',
  removed: 'ashenlark will be removed',
  pictureName: 'quartzheron-at-dawn.png',
  pictureBytes: 'copperibis inside the picture',
  caption: 'velvetdune under the picture',
  reaction: '🪿',
  forThree: 'saltmeadow for three people',
  fromCarol: 'emberwren from the third',
  beforeKick: 'plumtarn while she is here',
  afterKick: 'frostpetrel after she was removed',
  bobAfterKick: 'wickerloon has the new key',
  afterReload: 'mossgarnet after the reload',
  offline: 'driftcurlew written offline',
  meanwhile: 'amberskua sent meanwhile',
  serverDown: 'hollowbrine while the server is down',
  afterRestart: 'lanternfig after the restart',
};
const roomName = 'Spine observatory';

const world = useWorld();

const sent = (person: Person, text: string): Promise<void> =>
  message(person.page, text)
    .getByRole('img', { name: /^(Sent|Read)$/ })
    .first()
    .waitFor(soon);

const kidOf = async (person: Person, text: string): Promise<string> => {
  const { content } = (await sourceOf(person.page, text)) as { content: { kid?: string } };
  return content.kid ?? '';
};

/** The pixels that a message shows of its picture: its natural size once decoded. */
const shownPicture = (person: Person, caption: string): Promise<number[]> =>
  message(person.page, caption)
    .locator('.visual img')
    .evaluate(async (image: HTMLImageElement) => {
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    });

const talk = async (alice: Person, bob: Person): Promise<void> => {
  await createRoom(alice.page, roomName);
  await say(alice.page, secrets.beforeBob);
  await sent(alice, secrets.beforeBob);
  await invite(alice.page, bob.userId);
  await acceptInvite(bob.page, roomName);
  // The most ordinary moment: she greets him as soon as she sees that he has joined.
  await alice.page.getByText('bob joined').first().waitFor(soon);
  await say(alice.page, secrets.hello);
  await sees(bob.page, secrets.hello);
  await say(bob.page, secrets.answer);
  await sees(alice.page, secrets.answer);
  // A joiner gets the next generation of the key: what was said before stays closed to him.
  expect(await message(bob.page, secrets.beforeBob).count()).toBe(0);
};

const workWithMessages = async (alice: Person, bob: Person): Promise<void> => {
  await act(alice.page, secrets.answer, 'Reply');
  await say(alice.page, secrets.reply);
  await sees(bob.page, secrets.reply);
  expect(await message(bob.page, secrets.reply).locator('.quote').innerText()).toContain(secrets.answer);

  await say(alice.page, secrets.typo);
  await sees(bob.page, secrets.typo);
  await composer(alice.page).press('ArrowUp');
  await expect.poll(() => composer(alice.page).inputValue()).toBe(secrets.typo);
  await say(alice.page, secrets.edited);
  await sees(bob.page, secrets.edited);
  await expect.poll(() => message(bob.page, secrets.typo).count(), soon).toBe(0);

  await sendFiles(
    bob.page,
    [{ name: secrets.pictureName, mimeType: 'image/png', buffer: png(320, 200, secrets.pictureBytes) }],
    secrets.caption,
  );
  await sees(alice.page, secrets.caption);
  await expect.poll(() => shownPicture(alice, secrets.caption), soon).toEqual([320, 200]);

  await act(alice.page, secrets.caption, 'React');
  await alice.page.getByRole('dialog').getByPlaceholder('Search emoji').fill('goose');
  await alice.page.getByRole('dialog').getByRole('button', { name: 'goose', exact: true }).click();
  await message(bob.page, secrets.caption)
    .getByRole('button', { name: new RegExp(`${secrets.reaction}.* 1: alice`) })
    .waitFor(soon);

  await say(bob.page, secrets.removed);
  await sees(alice.page, secrets.removed);
  await act(bob.page, secrets.removed, 'Remove');
  await bob.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await message(alice.page, 'Message removed').first().waitFor(soon);
  await expect.poll(() => message(alice.page, secrets.removed).count(), soon).toBe(0);
};

/** A third joins and cannot read back; she is removed, the key changes, and one who lost the new key is healed. */
const changeMembers = async (alice: Person, bob: Person, carol: Person, loss: KeyLoss): Promise<void> => {
  await invite(alice.page, carol.userId);
  await acceptInvite(carol.page, roomName);
  await alice.page.getByText('carol joined').first().waitFor(soon);
  await say(alice.page, secrets.forThree);
  await sees(carol.page, secrets.forThree);
  await say(carol.page, secrets.fromCarol);
  await Promise.all([sees(alice.page, secrets.fromCarol), sees(bob.page, secrets.fromCarol)]);
  for (const earlier of [secrets.hello, secrets.answer, secrets.edited, secrets.caption]) {
    expect(await message(carol.page, earlier).count()).toBe(0);
  }
  // The page says why, rather than leaving holes.
  await carol.page
    .getByText(/^(Sent before you joined|Not for you: you were not in the room yet)$/)
    .first()
    .waitFor(soon);

  await say(alice.page, secrets.beforeKick);
  await Promise.all([sees(bob.page, secrets.beforeKick), sees(carol.page, secrets.beforeKick)]);
  const before = await kidOf(alice, secrets.beforeKick);
  loss.losing = true;
  const sawWaiting = await watchFor(bob.page, 'Waiting for key…');
  await openMember(alice.page, carol.userId);
  await alice.page.getByRole('button', { name: 'Remove from the room' }).click();
  await alice.page.getByRole('dialog').getByRole('button', { name: 'Remove from the room' }).click();
  await alice.page.getByText('You removed carol').first().waitFor(soon);
  await carol.page.getByText('You are no longer in this room.').waitFor(soon);
  await say(alice.page, secrets.afterKick);
  // The new key is lost on its way to bob: his device says so, asks for it, and reads the message once it has come.
  await sees(bob.page, secrets.afterKick);
  expect(loss.lost).toBeGreaterThan(0);
  expect(await sawWaiting()).toBe(true);
  for (const { page } of [alice, bob]) {
    await page.getByText('The room has new keys: who left cannot read on').first().waitFor(soon);
  }
  const after = await kidOf(alice, secrets.afterKick);
  expect(before).toMatch(/./);
  expect(after).toMatch(/./);
  expect(after).not.toBe(before);
  await say(bob.page, secrets.bobAfterKick);
  await sees(alice.page, secrets.bobAfterKick);
  expect(await message(carol.page, secrets.afterKick).count()).toBe(0);
  expect(await message(carol.page, secrets.bobAfterKick).count()).toBe(0);
};

const loseTheNetwork = async (alice: Person, bob: Person): Promise<void> => {
  await bob.page.reload();
  await unlock(bob.page);
  await openRoom(bob.page, roomName);
  await sees(bob.page, secrets.bobAfterKick);
  await sees(bob.page, secrets.caption);
  await say(bob.page, secrets.afterReload);
  await sees(alice.page, secrets.afterReload);

  await bob.context.setOffline(true);
  await bob.page.getByText('You are offline').waitFor(soon);
  await say(bob.page, secrets.offline);
  await message(bob.page, secrets.offline).getByRole('img', { name: 'Sending' }).waitFor(soon);
  await say(alice.page, secrets.meanwhile);
  await sent(alice, secrets.meanwhile);
  expect(await message(alice.page, secrets.offline).count()).toBe(0);
  await bob.context.setOffline(false);
  await sees(bob.page, secrets.meanwhile);
  await sees(alice.page, secrets.offline);
};

const restartTheServer = async (alice: Person, bob: Person): Promise<void> => {
  const [first] = world.demo.servers;
  await first.stop();
  await alice.page.getByText('The server cannot be reached').waitFor(soon);
  await say(alice.page, secrets.serverDown);
  await message(alice.page, secrets.serverDown).getByRole('img', { name: 'Sending' }).waitFor(soon);
  await first.start();
  await sees(bob.page, secrets.serverDown);
  await say(bob.page, secrets.afterRestart);
  await sees(alice.page, secrets.afterRestart);
  await expect.poll(() => alice.page.getByText('The server cannot be reached').count(), soon).toBe(0);
};

/** What an encrypted event may show to a server (e2ee.md section 3). */
const clearKeys = new Set([
  'algorithm',
  'device_id',
  'kid',
  'g',
  'kc',
  'after',
  'ciphertext',
  'm.relates_to',
  // That somebody is mentioned, not who: push needs it.
  'chat.nyx.mentions',
]);

it.skipIf(chromiumPath === undefined)(
  'people on two servers talk, and the servers hold nothing of what they said',
  async () => {
    const [first, second] = world.demo.servers;
    let loss: KeyLoss = { losing: false, lost: 0 };
    const losable = async (context: BrowserContext): Promise<void> => {
      loss = await makeKeysLosable(context);
    };
    const [alice, bob, carol] = await Promise.all([
      newPerson(world.browser, first, 'alice'),
      newPerson(world.browser, second, 'bob', {}, losable),
      newPerson(world.browser, second, 'carol'),
    ]);
    const people = [alice, bob, carol];
    onTestFailed(async () => console.log(await describePages(people)));
    await talk(alice, bob);
    await workWithMessages(alice, bob);
    await changeMembers(alice, bob, carol, loss);
    const roomId = decodeURIComponent(alice.page.url().split('/room/')[1] ?? '');
    await loseTheNetwork(alice, bob);
    await restartTheServer(alice, bob);

    const words = [...Object.values(secrets), passphrase, ...people.map((one) => one.words.join(' '))];
    const found = await searchServers(world.demo, [...words, roomName]);
    // The room's name is clear by design: finding it proves that the search looks where the content would be.
    expect(found).toEqual({ mongo: [roomName], redis: [], files: [] });
    for (const event of await eventsOf(world.demo, roomId)) {
      if ('state_key' in event || event.type === 'm.room.redaction') continue;
      expect(event.type).toBe('m.room.encrypted');
      const content = event.content as Record<string, unknown>;
      expect(Object.keys(content).filter((key) => !clearKeys.has(key))).toEqual([]);
      expect(content['m.relates_to'] ?? {}).not.toHaveProperty('key');
    }
    // The test itself takes a network away: what fails for that, by request or by socket, is no fault.
    const expected = /Failed to load resource|net::ERR_INTERNET_DISCONNECTED/;
    for (const { faults } of people) expect(faults.filter((fault) => !expected.test(fault))).toEqual([]);
  },
  patient,
);
