import { createTestHost } from '@nyx/plugin-sdk/server/test-host.ts';
import { expect, test } from 'vitest';
import manifest from '../plugin.json' with { type: 'json' };
import { plugin } from './server.ts';

const start = (config: Record<string, unknown> = {}) => createTestHost(plugin, { manifest, config });

const message = (body: unknown, sender = '@eve:test.example') => ({
  event: { roomId: '!room:test.example', sender, type: 'm.room.message', content: { body } },
});

test('refuses forbidden words in any case, and says why', async () => {
  const host = await start({ words: ['casino'] });
  expect(await host.check('checkEvent', message('Best CASINO in town'))).toEqual({
    allow: false,
    errcode: 'M_FORBIDDEN',
    reason: 'The message has a forbidden word',
  });
  expect(await host.check('checkEvent', message('good morning'))).toEqual({ allow: true });
});

test('refuses too many links', async () => {
  const host = await start({ maxLinks: 1 });
  expect(await host.check('checkEvent', message('https://a.example'))).toEqual({ allow: true });
  expect(await host.check('checkEvent', message('https://a.example http://b.example'))).toMatchObject({
    allow: false,
  });
});

test('refuses what one user says over and over, until a minute has passed', async () => {
  const host = await start({ maxRepeats: 2 });
  const say = (sender?: string) => host.check('checkEvent', message('hi', sender));
  expect([await say(), await say(), await say()].map(({ allow }) => allow)).toEqual([true, true, false]);
  expect(await say('@ann:test.example')).toEqual({ allow: true });
  host.advance(60_000);
  expect(await say()).toEqual({ allow: true });
});

test('lets pass what it cannot read', async () => {
  const host = await start({ words: ['a'] });
  const encrypted = {
    roomId: '!r:x',
    sender: '@eve:x',
    type: 'm.room.encrypted',
    content: { ciphertext: 'a' },
  };
  expect(await host.check('checkEvent', { event: encrypted })).toEqual({ allow: true });
  expect(await host.check('checkEvent', message(5))).toEqual({ allow: true });
});

test('counts refusals for administrators, and forgets them', async () => {
  const host = await start({ words: ['casino'] });
  await host.check('checkEvent', message('casino'));
  await host.check('checkEvent', message('casino'));
  const refusals = () => host.request({ method: 'GET', route: '/refusals' });
  expect(await refusals()).toMatchObject({ body: { users: { '@eve:test.example': 2 } } });
  await host.tick('forget');
  expect(await refusals()).toMatchObject({ body: { users: {} } });
});

test('does not start with a setting that it does not know', async () => {
  await expect(start({ word: [] })).rejects.toThrow();
});
