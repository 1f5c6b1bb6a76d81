import { createI18n } from 'vue-i18n';
import type { I18n } from 'vue-i18n';
import { loadSetting, saveSetting } from '../adapters/saved-session.ts';
import { appEn } from './app.en.ts';
import { pluginsEn } from './plugins.en.ts';
import { timelineEn } from './timeline.en.ts';
import type { Words } from './words.ts';

const en = { ...appEn, ...timelineEn, ...pluginsEn };
export type Messages = Words<typeof en>;

/** Languages with their own names. English is in the start-up bundle, the others load when chosen. */
export const languages = [
  { code: 'en', name: 'English' },
  { code: 'id', name: 'Bahasa Indonesia' },
] as const;
export type Language = (typeof languages)[number]['code'];

const loaders: Record<Exclude<Language, 'en'>, () => Promise<Messages>> = {
  id: async () => {
    const [app, timeline, plugins] = await Promise.all([
      import('./app.id.ts'),
      import('./timeline.id.ts'),
      import('./plugins.id.ts'),
    ]);
    return { ...app.appId, ...timeline.timelineId, ...plugins.pluginsId };
  },
};

const known = (code: string | undefined): Language | undefined =>
  languages.find((one) => one.code === code?.split('-')[0])?.code;

/**
 * Messages are compiled to trees, not to functions (vue-i18n's JIT mode), so the page's policy needs no
 * `unsafe-eval`.
 */
export const i18n = createI18n<false>({
  locale: 'en',
  fallbackLocale: 'en',
  messages: { en: en },
  missingWarn: false,
  fallbackWarn: false,
}) as I18n<Record<string, Messages>, Record<string, never>, Record<string, never>, string, false>;

export const setLanguage = async (language: Language): Promise<void> => {
  if (language !== 'en' && !i18n.global.availableLocales.includes(language)) {
    i18n.global.setLocaleMessage(language, await loaders[language]());
  }
  i18n.global.locale.value = language;
  document.documentElement.lang = language;
  saveSetting('language', language);
};

/** The language chosen before, else the browser's first one that we speak. */
export const startLanguage = (): Promise<void> =>
  setLanguage(
    known(loadSetting('language')) ?? navigator.languages.map(known).find((one) => one !== undefined) ?? 'en',
  );
