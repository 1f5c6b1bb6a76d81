import { ref } from 'vue';

/** The page's one live region: what a screen reader is told. Components never make their own. */
const polite = ref('');
const urgent = ref('');

export const useAnnouncer = () => ({
  polite,
  urgent,
  /** Say `text`; the same text twice is spoken twice (a trailing no-break space makes it new). */
  announce: (text: string, level: 'polite' | 'urgent' = 'polite'): void => {
    const target = level === 'urgent' ? urgent : polite;
    target.value = target.value === text ? `${text}\u00A0` : text;
  },
});
