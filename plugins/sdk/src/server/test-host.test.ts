import { expect, test } from 'vitest';
import { LIMITS } from '../limits.ts';
import type { ManifestInput } from '../manifest.ts';
import { allow, reject } from './hooks.ts';
import { defineServerPlugin } from './plugin.ts';
import { createTestHost } from './test-host.ts';

const manifest: ManifestInput = {
  id: 'org.example.names',
  version: '1.0.0',
  sdk: '^0.1.0',
  name: 'Names',
  entry: { server: 'server.ts' },
  contributes: {
    server: {
      checks: { checkRegistration: {} },
      notices: ['onRegistered'],
      modifies: ['modifyUnsigned'],
      routes: [{ method: 'GET', path: '/count' }],
      schedules: [{ name: 'sweep', everyMinutes: 5 }],
    },
  },
  permissions: ['server:accounts', 'server:events', 'server:http', 'server:schedule'],
};

const plugin = defineServerPlugin({
  setup: ({ check, on, modify, route, schedule, storage, log, now, config }) => {
    check('checkRegistration', ({ username }) =>
      username === config.reserved ? reject('M_FORBIDDEN', 'This name is reserved') : allow(),
    );
    on('onRegistered', ({ userId }) => storage.set(`user ${userId}`, { at: now() }));
    modify('modifyUnsigned', ({ events }) =>
      Object.fromEntries(events.map(({ eventId = '', type }) => [eventId, { type }])),
    );
    route('GET', '/count', async () => ({ body: { users: (await storage.list('user ')).length } }));
    schedule('sweep', async () => {
      for (const key of await storage.list('user ')) await storage.delete(key);
      log.info('swept');
    });
  },
});

test('runs every kind of contribution', async () => {
  const host = await createTestHost(plugin, { manifest, config: { reserved: 'root' } });
  expect(await host.check('checkRegistration', { username: 'root' })).toMatchObject({ allow: false });
  expect(await host.check('checkRegistration', { username: 'ann' })).toEqual({ allow: true });
  host.advance(1_000);
  await host.notice('onRegistered', { userId: '@ann:test.example' });
  expect(await host.storage.get('user @ann:test.example')).toEqual({ at: Date.UTC(2030, 0, 1) + 1_000 });
  expect(await host.request({ method: 'GET', route: '/count' })).toEqual({ status: 200, body: { users: 1 } });
  const event = { eventId: '$1', roomId: '!r:x', sender: '@a:x', type: 'm.room.message', content: {} };
  expect(await host.modifyUnsigned([event])).toEqual({ $1: { type: 'm.room.message' } });
  await host.tick('sweep');
  expect(await host.request({ method: 'GET', route: '/count' })).toMatchObject({ body: { users: 0 } });
  expect(host.logs).toEqual([{ level: 'info', message: 'swept' }]);
});

test.each<[string, Partial<ManifestInput>, string]>([
  ['a permission that is missing', { permissions: [] }, 'missing: server:accounts'],
  [
    'a hook that is contributed, not registered',
    {
      contributes: {
        server: { ...manifest.contributes?.server, notices: ['onRegistered', 'onDeactivated'] },
      },
    },
    'did not register notice onDeactivated',
  ],
  [
    'a hook that is registered, not contributed',
    { contributes: { server: { ...manifest.contributes?.server, notices: ['onDeactivated'] } } },
    'does not contribute notice onRegistered',
  ],
  ['another SDK', { sdk: '^9.0.0' }, 'wants SDK'],
])('refuses %s', async (_what, change, message) => {
  await expect(createTestHost(plugin, { manifest: { ...manifest, ...change } })).rejects.toThrow(message);
});

test('refuses what is no verdict, as a server would', async () => {
  const wrong = defineServerPlugin({
    setup: (context) => context.check('checkRegistration', () => ({ allow: 'yes' }) as never),
  });
  const host = await createTestHost(wrong, {
    manifest: {
      ...manifest,
      contributes: { server: { checks: { checkRegistration: {} } } },
      permissions: ['server:accounts'],
    },
  });
  await expect(host.check('checkRegistration', { username: 'ann' })).rejects.toThrow();
});

test('bounds storage', async () => {
  const { storage } = await createTestHost(plugin, { manifest });
  await expect(storage.set('k', 'x'.repeat(LIMITS.storageValueBytes))).rejects.toMatchObject({
    code: 'invalid',
  });
  await expect(storage.set('', 1)).rejects.toMatchObject({ code: 'invalid' });
  await expect(storage.set('k', undefined)).rejects.toMatchObject({ code: 'invalid' });
  const value = 'x'.repeat(LIMITS.storageValueBytes - 10);
  const fill = async () => {
    for (let n = 0; n <= LIMITS.storageBytes / LIMITS.storageValueBytes; n++)
      await storage.set(`k${n}`, value);
  };
  await expect(fill()).rejects.toMatchObject({ code: 'quota' });
});
