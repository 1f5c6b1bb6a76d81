import { defineStore } from 'pinia';
import { ref, watch } from 'vue';
import { loadSetting, saveSetting } from '../adapters/saved-session.ts';

export type Theme = 'system' | 'light' | 'dark';
export type Density = 'comfortable' | 'compact';

const oneOf = <T extends string>(value: string | undefined, all: readonly T[], fallback: T): T =>
  all.find((one) => one === value) ?? fallback;

/** What this browser profile looks and sounds like. Kept on this device only. */
export const usePreferences = defineStore('preferences', () => {
  const theme = ref<Theme>(oneOf(loadSetting('theme'), ['system', 'light', 'dark'], 'system'));
  const density = ref<Density>(oneOf(loadSetting('density'), ['comfortable', 'compact'], 'comfortable'));
  const enterSends = ref(loadSetting('enterSends') !== 'no');
  const sendTyping = ref(loadSetting('sendTyping') !== 'no');
  const sendReceipts = ref(loadSetting('sendReceipts') !== 'no');
  const sounds = ref(loadSetting('sounds') !== 'no');
  const desktopNotices = ref(loadSetting('desktopNotices') === 'yes');
  const previewInNotices = ref(loadSetting('previewInNotices') === 'yes');

  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = (): void => {
    const shown = theme.value === 'system' ? (dark.matches ? 'dark' : 'light') : theme.value;
    document.documentElement.dataset.theme = shown;
    document.documentElement.dataset.density = density.value;
  };
  dark.addEventListener('change', apply);
  watch([theme, density], apply, { immediate: true });

  watch(theme, (value) => saveSetting('theme', value));
  watch(density, (value) => saveSetting('density', value));
  const flags = { enterSends, sendTyping, sendReceipts, sounds, desktopNotices, previewInNotices };
  for (const [name, flag] of Object.entries(flags)) {
    watch(flag, (value) => saveSetting(name, value ? 'yes' : 'no'));
  }
  return { theme, density, ...flags };
});
