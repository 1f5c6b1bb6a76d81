import { createTrustedTestHost } from '@nyx/plugin-sdk/client/test-host.ts';
import { TestNetwork } from '@nyx/plugin-sdk/client/test-network.ts';
import { expect, it, vi } from 'vitest';
import manifest from '../plugin.json' with { type: 'json' };
import { codeOf } from './fields.ts';
import { OwnProfileKeeper } from './own-profile.ts';
import { MAX_PICTURES, Pictures } from './pictures.ts';
import { privateProfiles } from './plugin.ts';
import { TEXTS } from './texts.ts';

const ANN = '@ann:one.example';
const BEN = '@ben:two.example';

/** Addresses that are counted instead of shown. */
const counted = () => {
  const open = new Map<string, Uint8Array>();
  let made = 0;
  return {
    open,
    addresses: {
      make: (data: Uint8Array) => {
        const address = `blob:${++made}`;
        open.set(address, data);
        return address;
      },
      free: (address: string) => void open.delete(address),
    },
  };
};

const start = async (network: TestNetwork, userId: string, settings: Record<string, boolean> = {}) => {
  const shown = counted();
  const host = await createTrustedTestHost(privateProfiles(shown.addresses), {
    ...{ manifest: manifest, network, userId, settings },
  });
  const resolver = host.get('profile-resolver', 'people');
  const see = (other: string) => resolver.resolveProfile(other);
  return { host, see, shown };
};

/** What a person does in the settings: the pane itself needs a browser. */
const publish = async (network: TestNetwork, userId: string, name: string, bio: string): Promise<void> => {
  const field = network.sealed.seal(userId, { name, bio });
  network.profiles.set(`${userId}|chat.nyx.profile`, field);
  await Promise.resolve();
};

it('shows a neutral handle to a stranger, the profile to a contact, and the handle again to who is blocked', async () => {
  const network = new TestNetwork();
  const ann = await start(network, ANN, { hide: true });
  const ben = await start(network, BEN);
  await publish(network, ANN, 'Ann Example', 'Likes rain');
  const handle = `Private person ${codeOf(ANN)}`;
  await vi.waitFor(() => expect(ben.see(ANN)).toEqual({ name: handle, avatarUrl: null }));
  network.addRoom({ members: [ANN, BEN] });
  await ann.host.notify('contacts', { userId: BEN, relation: 'contact' });
  await vi.waitFor(() => expect(ben.see(ANN)).toMatchObject({ name: 'Ann Example', bio: 'Likes rain' }));
  network.relations.set(`${ANN}|${BEN}`, 'blocked');
  await ann.host.notify('contacts', { userId: BEN, relation: 'blocked' });
  await ben.host.notify('profile-key', { userId: ANN });
  await vi.waitFor(() => expect(ben.see(ANN)).toEqual({ name: handle, avatarUrl: null }));
  expect(network.sealed.status(ANN).contacts).toEqual([]);
  expect([...ann.host.errors, ...ben.host.errors]).toEqual([]);
});

it('moves a profile between its two forms when the switch is turned, and leaves neither behind', async () => {
  const network = new TestNetwork();
  network.profiles.set(`${ANN}|displayname`, 'Ann Example');
  network.profiles.set(`${ANN}|chat.nyx.bio`, 'Likes rain');
  const { host } = await start(network, ANN);
  host.calls.settings.hide = true;
  await host.notify('settings', { name: 'hide' });
  const fields = (): string[] => [...network.profiles.keys()].filter((key) => key.startsWith(ANN)).sort();
  expect(fields()).toEqual([`${ANN}|chat.nyx.profile`]);
  expect(JSON.stringify([...network.profiles])).not.toContain('Ann Example');
  host.calls.settings.hide = false;
  await host.notify('settings', { name: 'hide' });
  expect(fields()).toEqual([`${ANN}|chat.nyx.bio`, `${ANN}|displayname`]);
  expect(network.profiles.get(`${ANN}|displayname`)).toBe('Ann Example');
  expect(host.errors).toEqual([]);
});

it('lists who may be found, and takes it back', async () => {
  const network = new TestNetwork();
  const { host } = await start(network, ANN);
  await vi.waitFor(() => expect([...network.sealed.listed]).toEqual([ANN]));
  host.calls.settings['find-by-id'] = false;
  await host.notify('settings', { name: 'find-by-id' });
  expect([...network.sealed.listed]).toEqual([]);
});

it('leaves nothing behind when it is stopped', async () => {
  const network = new TestNetwork();
  const ben = await start(network, BEN);
  await publish(network, ANN, 'Ann', '');
  await network.sealed.share(ANN, [BEN]);
  await vi.waitFor(() => expect(ben.see(ANN)).toMatchObject({ name: 'Ann' }));
  await ben.host.stop();
  expect(ben.shown.open.size).toBe(0);
  expect(ben.see(ANN)).toBeUndefined();
});

it('keeps the picture when only the text changes, seals a new one, and removes it', async () => {
  const network = new TestNetwork();
  const store = new Map<string, Uint8Array>();
  const fields = new Map<string, unknown>();
  const { sealed } = network;
  const keeper = new OwnProfileKeeper({
    self: { userId: ANN, deviceId: 'A' },
    settings: { get: () => true, set: () => Promise.resolve() },
    contacts: { list: () => Promise.resolve([]), relation: () => Promise.resolve('stranger') },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    storage: {
      get: () => Promise.resolve(null),
      set: () => Promise.resolve(),
      delete: () => Promise.resolve(),
      list: () => Promise.resolve([]),
      getAccountData: () => Promise.resolve(null),
      setAccountData: () => Promise.resolve(),
    },
    media: {
      upload: (data) => {
        const mxc = `mxc://one.example/${store.size}`;
        store.set(mxc, data);
        return Promise.resolve(mxc);
      },
      download: (mxc) => Promise.resolve(store.get(mxc) ?? new Uint8Array(0)),
    },
    profiles: {
      get: (_userId, key) => Promise.resolve(fields.get(key)),
      set: (key, value) => {
        if (value === undefined) fields.delete(key);
        else fields.set(key, value);
        return Promise.resolve();
      },
    },
    sealedProfiles: {
      ...{ status: () => Promise.resolve(sealed.status(ANN)), backup: () => Promise.resolve(null) },
      ...{ restore: () => Promise.resolve(), forget: () => Promise.resolve() },
      ...{ showCode: () => Promise.resolve(), scanCode: () => Promise.resolve(undefined) },
      ...{ find: () => Promise.resolve(undefined), list: () => Promise.resolve() },
      openPerson: () => Promise.resolve(),
      seal: (profile) => Promise.resolve(sealed.seal(ANN, profile)),
      open: (userId, field) => Promise.resolve(sealed.open(ANN, userId, field)),
      share: (userIds) => sealed.share(ANN, userIds),
      rotate: (without) => sealed.rotate(ANN, without),
      sealPicture: (data, mimetype) => Promise.resolve(sealed.sealPicture(data, mimetype)),
      openPicture: (_userId, _url, data) => Promise.resolve(sealed.openPicture(data)),
    },
  });
  const picture = { data: Uint8Array.of(1, 2, 3), mimetype: 'image/webp' };
  await keeper.save({ name: 'Ann', bio: '', picture });
  await keeper.save({ name: 'Ann B', bio: 'new' });
  expect(await keeper.read()).toEqual({ name: 'Ann B', bio: 'new', picture });
  await sealed.share(ANN, [BEN]);
  const before = store.size;
  await keeper.block(BEN);
  // Under the new key: what the blocked person could open stays what it was, and the picture is another file.
  expect(store.size).toBe(before + 1);
  expect(sealed.open(BEN, ANN, fields.get('chat.nyx.profile'))).toMatchObject({ state: 'locked' });
  expect(await keeper.read()).toEqual({ name: 'Ann B', bio: 'new', picture });
  await keeper.save({ name: 'Ann B', bio: 'new', picture: null });
  expect(await keeper.read()).toEqual({ name: 'Ann B', bio: 'new' });
});

it('holds so many decrypted pictures and no more, however many are scrolled past', async () => {
  const shown = counted();
  let downloads = 0;
  const pictures = new Pictures(
    {
      now: () => 0,
      media: {
        upload: () => Promise.reject(new Error('not here')),
        download: () => {
          downloads += 1;
          return Promise.resolve(new Uint8Array(10));
        },
      },
      sealedProfiles: {
        openPicture: () => Promise.resolve({ data: new Uint8Array(1_000), mimetype: 'image/webp' }),
      } as never,
    },
    shown.addresses,
  );
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 500; i++) {
    const mxc = `mxc://one.example/${i}`;
    pictures.address(BEN, mxc);
    // Everything it waits for is there at once: one turn of the loop is enough.
    await turn();
    expect(pictures.address(BEN, mxc)).toBeDefined();
    expect(pictures.size).toBeLessThanOrEqual(MAX_PICTURES);
  }
  expect(downloads).toBe(500);
  expect(shown.open.size).toBe(MAX_PICTURES);
  expect(pictures.bytes).toBe(MAX_PICTURES * 1_000);
  // What was looked at last is still there.
  expect(pictures.address(BEN, 'mxc://one.example/499')).toBeDefined();
  expect(downloads).toBe(500);
  pictures.close();
  expect([shown.open.size, pictures.size, pictures.bytes]).toEqual([0, 0, 0]);
});

it('says everything in both languages', () => {
  expect(Object.keys(TEXTS.id)).toEqual(Object.keys(TEXTS.en));
  const holes = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([hole]) => hole);
  for (const key of Object.keys(TEXTS.en) as (keyof typeof TEXTS.en)[])
    expect(holes(TEXTS.id[key])).toEqual(holes(TEXTS.en[key]));
});
