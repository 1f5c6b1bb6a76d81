import { computed } from 'vue';
import { useI18n } from 'vue-i18n';

const dayMs = 86_400_000;

const startOfDay = (ts: number): number => new Date(ts).setHours(0, 0, 0, 0);

/** Local calendar day as a stable key, YYYY-MM-DD. */
export const dayKey = (ts: number): string => {
  const date = new Date(ts);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
};

const makeFormats = (locale: string) => ({
  time: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }),
  weekday: new Intl.DateTimeFormat(locale, { weekday: 'long' }),
  day: new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' }),
  date: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' }),
  short: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' }),
  full: new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' }),
  number: new Intl.NumberFormat(locale),
  list: new Intl.ListFormat(locale, { type: 'conjunction' }),
  relative: new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }),
});

/** By locale, of which a session sees few. Making one takes the browser longer than showing a row. */
const known = new Map<string, ReturnType<typeof makeFormats>>();
const formatsIn = (locale: string): ReturnType<typeof makeFormats> => {
  const formats = known.get(locale) ?? makeFormats(locale);
  known.set(locale, formats);
  return formats;
};

/** Dates, times, sizes and lists in the chosen language. */
export const useFormat = () => {
  const { locale: language, t } = useI18n();
  // The browser's own region of that language decides between 14:05 and 2:05 PM.
  const locale = computed(
    () => navigator.languages.find((one) => one.split('-')[0] === language.value) ?? language.value,
  );
  const formats = computed(() => formatsIn(locale.value));
  const daysAgo = (ts: number, now: number): number => Math.round((startOfDay(now) - startOfDay(ts)) / dayMs);
  return {
    time: (ts: number): string => formats.value.time.format(ts),
    full: (ts: number): string => formats.value.full.format(ts),
    number: (value: number): string => formats.value.number.format(value),
    list: (values: string[]): string => formats.value.list.format(values),
    /** Heading of a day in the timeline. */
    day: (ts: number, now: number): string => {
      const ago = daysAgo(ts, now);
      if (ago === 0) return t('time.today');
      if (ago === 1) return t('time.yesterday');
      return ago < 300 ? formats.value.day.format(ts) : formats.value.date.format(ts);
    },
    /** Column of the room list: a time today, a weekday this week, a date before. */
    brief: (ts: number, now: number): string => {
      if (ts === 0) return '';
      const ago = daysAgo(ts, now);
      if (ago <= 0) return formats.value.time.format(ts);
      if (ago === 1) return t('time.yesterday');
      return ago < 7 ? formats.value.weekday.format(ts) : formats.value.short.format(ts);
    },
    /** "5 minutes ago". */
    ago: (ts: number, now: number): string => {
      const minutes = Math.round((ts - now) / 60_000);
      if (minutes > -60) return formats.value.relative.format(minutes, 'minute');
      if (minutes > -1440) return formats.value.relative.format(Math.round(minutes / 60), 'hour');
      return formats.value.relative.format(Math.round(minutes / 1440), 'day');
    },
    bytes: (size: number): string => {
      const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
      const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(size, 1)) / 3));
      return new Intl.NumberFormat(locale.value, {
        style: 'unit',
        unit: units[step] ?? 'byte',
        unitDisplay: step === 0 ? 'long' : 'short',
        maximumFractionDigits: size / 1000 ** step < 10 ? 1 : 0,
      }).format(size / 1000 ** step);
    },
    duration: (ms: number): string => {
      const total = Math.round(ms / 1000);
      const seconds = String(total % 60).padStart(2, '0');
      const minutes = Math.floor(total / 60) % 60;
      const hours = Math.floor(total / 3600);
      return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
    },
  };
};
