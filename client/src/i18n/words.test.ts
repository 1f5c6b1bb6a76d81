import { readdirSync, readFileSync } from 'node:fs';
import { createI18n } from 'vue-i18n';
import { describe, expect, it } from 'vitest';
import { appEn } from './app.en.ts';
import { appId } from './app.id.ts';
import { pluginsEn } from './plugins.en.ts';
import { pluginsId } from './plugins.id.ts';
import { timelineEn } from './timeline.en.ts';
import { timelineId } from './timeline.id.ts';

type Tree = { readonly [key: string]: string | Tree };

const flat = (tree: Tree, prefix = ''): Map<string, string> =>
  new Map(
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === 'string' ? [[`${prefix}${key}`, value]] : [...flat(value, `${prefix}${key}.`)],
    ),
  );

const en = flat({ ...appEn, ...timelineEn, ...pluginsEn });
const id = flat({ ...appId, ...timelineId, ...pluginsId });
const root = new URL('..', import.meta.url);
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(?:vue|ts)$/.test(file) && !file.startsWith('i18n') && !file.endsWith('.test.ts'))
  .map((file) => readFileSync(new URL(file, root), 'utf8'))
  .join('\n');

/** Names in braces: `{name}`, but not `{'@'}`, which is a literal. */
const holes = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

describe.each([
  ['English', 'en', en],
  ['Indonesian', 'id', id],
] as const)('%s', (_name, locale, messages) => {
  it('compiles every message', () => {
    const broken: string[] = [];
    for (const [key, text] of messages) {
      try {
        const { t } = createI18n<false>({ locale, messages: { [locale]: { text } } }).global;
        if (t('text', { name: 'x', count: 1 }, 1) === '') broken.push(key);
      } catch {
        broken.push(key);
      }
    }
    expect(broken).toEqual([]);
  });

  it('fills the same names as English', () => {
    const differ = [...en].filter(
      ([key, text]) => holes(text).join() !== holes(messages.get(key) ?? '').join(),
    );
    expect(differ.map(([key]) => key)).toEqual([]);
  });
});

it('has every word that the code asks for by name', () => {
  const asked = [...sources.matchAll(/\bt\(\s*'([\w.]+)'/g)].map((match) => match[1] ?? '');
  expect(asked.length).toBeGreaterThan(200);
  expect(asked.filter((key) => !en.has(key))).toEqual([]);
});
