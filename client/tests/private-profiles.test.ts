/**
 * Private profiles between two federated servers, with the plugin, the engine and the servers as they are: a stranger,
 * then a contact, then somebody who is blocked; then everything the servers hold is searched.
 */
import { codeOf } from '@nyx/private-profiles/fields.ts';
import { startDemo, type Demo } from '@nyx/homeserver/demo/start-demo.ts';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { OwnProfileKeeper } from '@nyx/private-profiles/own-profile.ts';
import { NodePerson } from './node-person.ts';
import { searchServers } from './server-search.ts';

const patient = 300_000;
const soon = { timeout: 120_000, interval: 200 };

/** Nothing else contains these words. */
const secrets = {
  name: 'Quillmarrow Vantongeren',
  bio: 'tidepools and barleyfields',
  picture: 'coppersedge picture bytes',
  laterName: 'Hollyhock Vantongeren',
};

let demo: Demo;
let alice: NodePerson;
let bob: NodePerson;
beforeAll(async () => {
  demo = await startDemo({ report: () => undefined, webClient: false, env: { NYX_RATE_LIMITS: 'off' } });
  const [one, two] = demo.servers;
  alice = await NodePerson.register(one.url, 'alice');
  bob = await NodePerson.register(two.url, 'bob');
}, patient);
afterAll(async () => {
  await alice[Symbol.asyncDispose]();
  await bob[Symbol.asyncDispose]();
  await demo[Symbol.asyncDispose]();
}, patient);

/** What the person does in the settings of the plugin. */
const own = (): OwnProfileKeeper => {
  if (alice.context === undefined) throw new Error('not started');
  return new OwnProfileKeeper(alice.context);
};
const picture = { data: new TextEncoder().encode(secrets.picture), mimetype: 'image/webp' };

it(
  'show a stranger a handle, a contact everything, and who is blocked the handle again; servers see nothing',
  async () => {
    const handle = { name: `Private person ${codeOf(alice.userId)}`, avatarUrl: null };
    await alice.start({ hide: true });
    await bob.start({});
    await own().save({ name: secrets.name, bio: secrets.bio, picture });
    await vi.waitFor(() => expect(bob.see(alice.userId)).toEqual(handle), soon);

    await alice.relate(bob.userId, 'contact');
    const seen = { name: secrets.name, bio: secrets.bio, avatarUrl: `blob:${secrets.picture}` };
    await vi.waitFor(() => expect(bob.see(alice.userId)).toEqual(seen), soon);

    await alice.relate(bob.userId, 'blocked');
    await own().save({ name: secrets.laterName, bio: '' });
    await vi.waitFor(async () => {
      await bob.relate(alice.userId, 'contact');
      expect(bob.see(alice.userId)).toEqual(handle);
    }, soon);
    expect(await alice.engine.call('profileStatus', {})).toMatchObject({ contacts: [] });

    expect(await searchServers(demo, Object.values(secrets))).toEqual({ mongo: [], redis: [], files: [] });
    expect([...alice.errors, ...bob.errors]).toEqual([]);
  },
  patient,
);

it(
  'are met by exact user id over federation, and by a code',
  async () => {
    const find = (userId: string) => bob.context?.sealedProfiles.find(userId);
    await vi.waitFor(
      async () => expect(await find(alice.userId)).toMatchObject({ userId: alice.userId }),
      soon,
    );
    expect(await find(alice.userId.replace('alice', 'nobody'))).toBeUndefined();
    await alice.context?.sealedProfiles.list(false);
    expect(await find(alice.userId)).toBeUndefined();

    const text = { title: 'code' };
    await alice.context?.sealedProfiles.showCode(text);
    bob.scanned = alice.shown;
    expect(await bob.context?.sealedProfiles.scanCode(text)).toEqual({
      userId: alice.userId,
      state: 'known',
    });
    await vi.waitFor(() => expect(bob.see(alice.userId)).toMatchObject({ name: secrets.laterName }), soon);
  },
  patient,
);

it('are gone from a client in which the plugin was switched off', async () => {
  await bob.stop();
  expect(bob.see(alice.userId)).toBeUndefined();
});
