/** Secrets of plugins and messages between their devices: over the engine's own operations, as the page uses them. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../primitives/bytes.ts';
import { loadSodium } from '../primitives/sodium.ts';
import type { SimClient } from '../testing/sim-client.ts';
import { SimWorld } from '../testing/sim-room.ts';
import type { PluginSecret } from './protocol/plugins.ts';

const PLUGIN = 'org.example.profiles';
let world: SimWorld;
let ann: SimClient;
let ben: SimClient;
let eve: SimClient;

beforeAll(loadSodium);
beforeEach(async () => {
  world = new SimWorld();
  const [first, second, third] = await world.startAll('ann', 'ben', 'eve');
  if (first === undefined || second === undefined || third === undefined) throw new Error('three');
  [ann, ben, eve] = [first, second, third];
});

const create = (): Promise<PluginSecret> =>
  ann.host.call('secretCreate', { plugin: PLUGIN, name: 'profile' });
const seal = async (handle: string, text: string, context = 'name'): Promise<Uint8Array> =>
  (await ann.host.call('secretSeal', { plugin: PLUGIN, handle, context, data: utf8(text) })).data;
const open = async (who: SimClient, handle: string, data: Uint8Array, context = 'name'): Promise<string> => {
  const opened = await who.host.call('secretOpen', { plugin: PLUGIN, handle, context, data });
  return new TextDecoder().decode(opened.data);
};
const share = (handle: string, ...who: SimClient[]) =>
  ann.while(
    ann.host.call('secretShare', { plugin: PLUGIN, handle, userIds: who.map(({ userId }) => userId) }),
  );

describe('secrets of plugins', () => {
  it('reach those they are shared with, over sessions that are opened for it, and nobody else', async () => {
    const { handle } = await create();
    const sealed = await seal(handle, 'Ann of the hills');
    expect(await share(handle, ben)).toEqual({ reached: [ben.userId] });
    await world.settle();
    expect(ben.notices.filter(({ kind }) => kind === 'appSecret')).toMatchObject([
      { secret: { handle, owner: ann.userId, name: 'profile', plugin: PLUGIN } },
    ]);
    expect(await open(ben, handle, sealed)).toBe('Ann of the hills');
    await expect(open(eve, handle, sealed)).rejects.toMatchObject({ code: 'UNKNOWN_SECRET' });
    const { secrets } = await ann.host.call('secretList', { plugin: PLUGIN });
    expect(secrets).toMatchObject([{ handle, sharedWith: [ben.userId] }]);
  });

  it('open nothing that was changed, cut, or sealed for another purpose', async () => {
    const { handle } = await create();
    const sealed = await seal(handle, 'x'.repeat(70_000));
    expect((await open(ann, handle, sealed)).length).toBe(70_000);
    const changed = sealed.slice();
    changed[40] = (changed[40] ?? 0) ^ 1;
    for (const bad of [changed, sealed.slice(0, -1), sealed.slice(0, 66_000), new Uint8Array(0)])
      await expect(open(ann, handle, bad)).rejects.toMatchObject({ code: 'BAD_SEALED' });
    await expect(open(ann, handle, sealed, 'bio')).rejects.toMatchObject({ code: 'BAD_SEALED' });
    expect((await seal(handle, 'a')).length).toBe((await seal(handle, 'a'.repeat(900))).length);
  });

  it('stay with the plugin that made them, and are not passed on by others', async () => {
    const { handle } = await create();
    const sealed = await seal(handle, 'Ann');
    const other = { plugin: 'org.example.other', handle, context: 'name', data: sealed };
    await expect(ann.host.call('secretOpen', other)).rejects.toMatchObject({ code: 'UNKNOWN_SECRET' });
    await share(handle, ben);
    await world.settle();
    const passed = ben.host.call('secretShare', { plugin: PLUGIN, handle, userIds: [eve.userId] });
    await expect(passed).rejects.toMatchObject({ code: 'UNKNOWN_SECRET' });
    await ben.host.call('secretClear', { plugin: PLUGIN });
    expect(await ben.host.call('secretList', { plugin: PLUGIN })).toEqual({ secrets: [] });
  });

  it('stay when a sender floods: it replaces only its own', async () => {
    const { handle } = await create();
    await share(handle, ben);
    await world.settle();
    const flood = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const fresh = await eve.host.call('secretCreate', { plugin: PLUGIN, name: 'profile' });
        await eve.while(
          eve.host.call('secretShare', { plugin: PLUGIN, handle: fresh.handle, userIds: [ben.userId] }),
        );
        world.clock.advance(1);
      }
      await world.settle();
    };
    // After the first, Ben knows Eve's device: what comes before that waits, and of one user only a part may.
    await flood(1);
    await flood(65);
    const { secrets } = await ben.host.call('secretList', { plugin: PLUGIN });
    expect(secrets.filter(({ owner }) => owner === eve.userId)).toHaveLength(64);
    expect(secrets.some((secret) => secret.handle === handle)).toBe(true);
  });

  it('travel by code, which pins who showed it', async () => {
    const { handle } = await create();
    const { payload } = await ann.host.call('secretCode', { plugin: PLUGIN, handle });
    const scan = (data: Uint8Array, name = 'profile') =>
      ben.host.call('secretScan', { plugin: PLUGIN, name, payload: data });
    expect(await scan(payload)).toMatchObject({ handle, owner: ann.userId });
    expect(await open(ben, handle, await seal(handle, 'Ann'))).toBe('Ann');
    await expect(scan(payload, 'other')).rejects.toMatchObject({ code: 'BAD_QR' });
    await expect(scan(payload.slice(0, -1))).rejects.toMatchObject({ code: 'BAD_QR' });
    const forged = payload.slice();
    forged[forged.length - 40] = (forged[forged.length - 40] ?? 0) ^ 1;
    await expect(scan(forged)).rejects.toMatchObject({ code: 'IDENTITY_CHANGED' });
  });
});

describe('messages of plugins', () => {
  it('come from a proven device, to the devices that were named', async () => {
    const send = (n: number, deviceIds?: string[]) =>
      ann.while(
        ann.host.call('deviceSend', {
          userId: ben.userId,
          type: 'm.call.candidates',
          content: { n },
          ...(deviceIds === undefined ? {} : { deviceIds }),
        }),
      );
    expect(await send(1)).toEqual({ reached: ['D'] });
    expect(await send(2, ['D'])).toEqual({ reached: ['D'] });
    expect(await send(3, ['GONE'])).toEqual({ reached: [] });
    await world.settle();
    const got = ben.notices.flatMap((notice) => (notice.kind === 'appMessage' ? [notice.message] : []));
    // Two requests on their way at once: the server may get either first.
    got.sort((a, b) => Number(a.content.n) - Number(b.content.n));
    expect(got).toMatchObject([
      { sender: ann.userId, device: 'D', type: 'm.call.candidates', content: { n: 1 }, trust: 'pinned' },
      { content: { n: 2 } },
    ]);
  });

  it('of a type of the engine stay messages of plugins', async () => {
    const type = 'chat.nyx.key_share';
    await ann.while(ann.host.call('deviceSend', { userId: ben.userId, type, content: { epoch: {} } }));
    await world.settle();
    expect(ben.notices.filter(({ kind }) => kind === 'appMessage')).toMatchObject([{ message: { type } }]);
  });
});
