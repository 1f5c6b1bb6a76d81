import { expect, expectTypeOf, test } from 'vitest';
import type { ManifestInput } from '../manifest.ts';
import type { Secrets } from './apis.ts';
import { defineClientPlugin, defineTrustedPlugin, type TrustedContext } from './plugin.ts';
import { createTestHost, createTrustedTestHost } from './test-host.ts';
import { TestNetwork } from './test-network.ts';

const manifest: ManifestInput = {
  id: 'org.example.greet',
  version: '1.0.0',
  sdk: '^0.1.0',
  name: 'Greet',
  entry: { client: 'src/client.ts' },
  contributes: {
    client: [
      { point: 'slash-command', id: 'greet', title: 'Greet' },
      { point: 'send-events', id: 'send', title: 'Greetings', scope: 'org.example.greet' },
      { point: 'read-events', id: 'heard', title: 'Greetings', scope: 'org.example.*' },
    ],
  },
  permissions: ['composer:insert', 'events:send:org.example.greet', 'events:read:org.example.*'],
  settings: { loud: { type: 'boolean', title: 'Loud', default: false } },
};

const greet = defineClientPlugin({
  setup: ({ contribute, events, settings, storage, t, texts, on, log }) => {
    texts({ en: { hello: 'Hello {name}' }, id: { hello: 'Halo {name}' } });
    contribute('slash-command', 'greet', {
      name: 'greet',
      description: 'Greets',
      run: ({ args }) => ({
        send: { type: 'org.example.greet', content: { body: t('hello', { name: args }) } },
      }),
    });
    contribute('read-events', 'heard', {
      take: async ([event]) => {
        await storage.set('last', event?.content ?? null);
        if (settings.get('loud') === true)
          await events.send(event?.roomId ?? '', 'org.example.other', { body: '!' });
      },
    });
    on('settings', ({ name }) => log.info(`changed ${name}`));
  },
});

test('runs what is registered, in the language of the interface', async () => {
  const host = await createTestHost(greet, { manifest, locale: 'id' });
  const command = host.get('slash-command', 'greet');
  expect(await command.run({ args: 'Ben', roomId: '!r:x' })).toMatchObject({
    send: { content: { body: 'Halo Ben' } },
  });
});

test('keeps to the permissions, and reports what handlers throw', async () => {
  const network = new TestNetwork();
  const { roomId } = network.addRoom({ members: ['@ann:test.example', '@ben:test.example'] });
  const host = await createTestHost(greet, { manifest, network, settings: { loud: true } });
  const ben = { userId: '@ben:test.example', deviceId: 'B' };
  await network.sendEvent(ben, roomId, { type: 'org.example.greet', content: { body: 'hi' }, timestamp: 0 });
  expect(await host.calls.storage.get('last')).toEqual({ body: 'hi' });
  expect(host.errors).toMatchObject([{ code: 'forbidden' }]);
  const deaf = await createTestHost(greet, { manifest, network, granted: [], deviceId: 'A2' });
  await network.sendEvent(ben, roomId, { type: 'org.example.greet', content: {}, timestamp: 0 });
  expect(await deaf.calls.storage.get('last')).toBeNull();
});

test('ends with everything it had begun', async () => {
  const ended: string[] = [];
  const host = await createTestHost(
    defineClientPlugin({
      setup: (context) => {
        context.after(1_000, () => ended.push('timer'));
        context.onDispose(() => void ended.push('first'));
        context.onDispose(() => void ended.push('last'));
        context.signal.addEventListener('abort', () => ended.push('signal'));
      },
    }),
    { manifest: { ...manifest, contributes: {}, permissions: [] } },
  );
  await host.stop();
  await host.advance(2_000);
  expect(ended).toEqual(['signal', 'last', 'first']);
});

test.each([
  ['what the manifest does not name', [], 'mismatch'],
  ['trusted points', [{ point: 'overlay', id: 'over', title: 'Over' }], 'forbidden'],
] as const)('refuses %s', async (_what, client, code) => {
  const plugin = {
    setup: ({ contribute }: Pick<TrustedContext, 'contribute'>) =>
      contribute('overlay', 'over', { component: { render: () => null } }),
  };
  const permissions = client.length === 0 ? [] : ['room:ui'];
  const given = { ...manifest, contributes: { client: [...client] }, permissions };
  // A sandboxed plugin is plain JavaScript: nothing keeps it from trying.
  await expect(createTestHost(plugin as never, { manifest: given })).rejects.toMatchObject({ code });
});

const trusted: ManifestInput = {
  id: 'org.example.vault',
  version: '1.0.0',
  sdk: '^0.1.0',
  name: 'Vault',
  tier: 'trusted',
  entry: { client: 'src/client.ts' },
  contributes: {
    client: [
      { point: 'sealed-values', id: 'keys', title: 'Keys', scope: 'box' },
      { point: 'device-messages', id: 'hints', title: 'Hints', scope: 'org.example.hint' },
    ],
  },
  permissions: ['secrets:box', 'devices:message:org.example.hint'],
};

test('secrets and device messages travel between users, and nobody holds a key', async () => {
  const network = new TestNetwork();
  const start = async (name: string) => {
    let context: TrustedContext | undefined;
    const got: unknown[] = [];
    await createTrustedTestHost(
      defineTrustedPlugin({
        setup: (given) => {
          context = given;
          given.on('secret', (secret) => void got.push(secret));
          given.contribute('device-messages', 'hints', { take: (message) => void got.push(message) });
        },
      }),
      { manifest: trusted, network, userId: `@${name}:test.example` },
    );
    if (context === undefined) throw new Error('no context');
    return { context, got };
  };
  const ann = await start('ann');
  const ben = await start('ben');
  const secret = await ann.context.secrets.create('box');
  const sealed = await ann.context.secrets.seal(secret.handle, 'name', new TextEncoder().encode('Ann'));
  await expect(ann.context.secrets.create('other')).rejects.toMatchObject({ code: 'forbidden' });
  await expect(ben.context.secrets.open(secret.handle, 'name', sealed)).rejects.toMatchObject({
    code: 'forbidden',
  });
  const { reached } = await ann.context.secrets.share(secret.handle, ['@ben:test.example']);
  expect(reached).toEqual(['@ben:test.example']);
  expect(ben.got).toMatchObject([{ handle: secret.handle, owner: '@ann:test.example' }]);
  const opened = await ben.context.secrets.open(secret.handle, 'name', sealed);
  expect(new TextDecoder().decode(opened)).toBe('Ann');
  await expect(ben.context.secrets.open(secret.handle, 'bio', sealed)).rejects.toMatchObject({
    code: 'damaged',
  });
  await ann.context.devices.send('@ben:test.example', 'org.example.hint', { n: 1 });
  expect(ben.got[1]).toMatchObject({ sender: '@ann:test.example', trust: 'pinned', content: { n: 1 } });
});

type Names<T> = T extends Uint8Array | string | number | boolean | undefined | null
  ? never
  : T extends readonly (infer Item)[]
    ? Names<Item>
    : { [K in keyof T & string]: K | Names<T[K]> }[keyof T & string];
type Answers = { [M in keyof Secrets]: Names<Awaited<ReturnType<Secrets[M]>>> }[keyof Secrets];

test('no answer about secrets has a place for a key', () => {
  expectTypeOf<Extract<Answers, 'key' | 'secret' | 'private' | 'seed' | 'bytes'>>().toEqualTypeOf<never>();
});
