import { MsgType } from 'matrix-js-sdk';
import { CryptoEvent } from 'matrix-js-sdk/lib/crypto-api/index.js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import {
  anotherDevice,
  cryptoOf,
  decrypted,
  exchange,
  giveIdentity,
  keptForDehydrated,
  livesTogether,
  person,
  secretRoom,
  silenceSdk,
  unlock,
  WAIT,
} from './sdk-crypto.ts';
import { sdkFor, type Sdk } from './sdk.ts';

let federation: TestFederation;
let here: Sdk;
let there: Sdk;

beforeAll(async () => {
  silenceSdk();
  federation = await createFederation(2);
  const [one, two] = federation.servers;
  if (one === undefined || two === undefined) throw new Error('no servers');
  here = sdkFor(one);
  there = sdkFor(two);
});
afterAll(async () => {
  here.stop();
  there.stop();
  await federation[Symbol.asyncDispose]();
});

it('exchanges Megolm messages on one server', async () => {
  const [ada, ben] = [await person(here, 'ada'), await person(here, 'ben')];
  await exchange(await secretRoom(ada.client, ben.client), ada.client, ben.client);
  expect(here.problems).toEqual([]);
});

it('exchanges messages, verifies, cross-signs, backs up and restores across two servers', async () => {
  await livesTogether(await person(here, 'cleo'), await person(there, 'dan'));
  expect([...here.problems, ...there.problems]).toEqual([]);
}, 120_000);

it('keeps messages for a dehydrated device until a new one wakes it', async () => {
  const [fay, gus] = [await person(here, 'fay'), await person(there, 'gus')];
  await giveIdentity(fay);
  const room = await secretRoom(fay.client, gus.client);
  expect(await cryptoOf(fay.client).isDehydrationSupported()).toBe(true);
  await cryptoOf(fay.client).startDehydration();
  await fay.client.logout(true);
  await vi.waitFor(async () => {
    const devices = await cryptoOf(gus.client).getUserDeviceInfo([fay.client.getSafeUserId()], true);
    const own = [...(devices.get(fay.client.getSafeUserId())?.values() ?? [])];
    expect(own.map(({ dehydrated }) => dehydrated)).toEqual([true]);
  }, WAIT);
  const { event_id: id } = await gus.client.sendMessage(room, {
    msgtype: MsgType.Text,
    body: 'while away',
  });

  const tablet = await anotherDevice(fay);
  await unlock(tablet);
  // A key that is still on its way from the other server comes too late for who wakes the device: that is read once.
  await vi.waitFor(async () => {
    expect(await keptForDehydrated(tablet)).toContain('m.room.encrypted');
  }, WAIT);
  const failures: string[] = [];
  tablet.on(CryptoEvent.RehydrationError, (message) => void failures.push(message));
  await cryptoOf(tablet).startDehydration({ rehydrate: true });
  expect(failures).toEqual([]);
  expect((await decrypted(tablet, room, id)).getContent().body).toBe('while away');
  expect([...here.problems, ...there.problems]).toEqual([]);
}, 120_000);
