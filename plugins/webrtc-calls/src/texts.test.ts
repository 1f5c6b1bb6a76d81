import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { manifestSchema } from '@nyx/plugin-sdk/manifest.ts';
import { comparePermissions } from '@nyx/plugin-sdk/permissions.ts';
import manifest from '../plugin.json' with { type: 'json' };
import { heardReason, toldReason } from './call/state.ts';
import { noticeKey } from './notice-text.ts';
import { texts } from './texts.ts';
import { duration } from './ui/words.ts';

const { en = {}, id = {} } = texts;

it('has every text in both languages, with the same places to fill in', () => {
  expect(Object.keys(id).sort()).toEqual(Object.keys(en).sort());
  const places = (text = ''): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [key, text] of Object.entries(en)) {
    expect(places(id[key]), key).toEqual(places(text));
    expect(id[key]?.trim(), key).not.toBe('');
  }
});

it('has the texts that components ask for by name', () => {
  const folder = join(import.meta.dirname, 'ui');
  const asked = readdirSync(folder)
    .filter((name) => name.endsWith('.vue'))
    .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/'([a-z]+\.[a-zA-Z-]+)'/g)])
    .map(([, key = '']) => key)
    .filter((key) => /^(?:call|do|device|state|phase|quality|end|help)\./.test(key));
  expect(asked.length).toBeGreaterThan(10);
  for (const key of asked) expect(en, key).toHaveProperty([key]);
  const common = { call_id: 'c', party_id: 'p', version: '1' };
  for (const reason of ['user_hangup', 'user_busy', 'invite_timeout', 'ice_failed', 'of the future'])
    expect(en).toHaveProperty([noticeKey({ type: 'm.call.hangup', content: { ...common, reason } })]);
  expect(en).toHaveProperty([noticeKey({ type: 'm.call.reject', content: common })]);
  expect(noticeKey({ type: 'm.call.invite', content: {} })).toBe('notice.failed');
});

it('tells the other side of an end what it means there', () => {
  expect(heardReason(toldReason('no-answer'))).toBe('no-answer');
  expect(heardReason(toldReason('connection-lost'))).toBe('connection-lost');
  expect(heardReason(toldReason('hung-up'))).toBe('remote-hung-up');
  expect([duration(65_000), duration(3_605_000), duration(-1)]).toEqual(['1:05', '1:00:05', '0:00']);
});

it('asks for the permissions that it needs, and no other', () => {
  expect(comparePermissions(manifestSchema.parse(manifest))).toEqual({ missing: [], unused: [] });
});
