import { computed, ref, toValue } from 'vue';
import type { MaybeRefOrGetter } from 'vue';
import { usePeople } from '../../stores/people.ts';
import { at } from '../../plugins/registry.ts';
import { commands } from './commands.ts';

export type Suggestion =
  | { kind: 'person'; key: string; userId: string; label: string; avatar: string | undefined }
  | { kind: 'room'; key: string; label: string }
  | { kind: 'command'; key: string; label: string; usage: string }
  | { kind: 'emoji'; key: string; emoji: string; label: string };

const maxShown = 8;

/** The word before the cursor that may be completed. */
export const wordAt = (
  text: string,
  cursor: number,
): { start: number; trigger: '@' | ':' | '/'; word: string } | undefined => {
  const before = text.slice(0, cursor);
  const match = /(?:^|\s)([@:/])([^\s@:/]{0,40})$/u.exec(before);
  if (match?.[1] === undefined) return undefined;
  const word = match[2] ?? '';
  const start = cursor - word.length - 1;
  const trigger = match[1];
  if (trigger === '/') return start === 0 ? { start, trigger, word } : undefined;
  if (trigger === ':') return word.length >= 2 ? { start, trigger, word } : undefined;
  return trigger === '@' ? { start, trigger, word } : undefined;
};

/** Completions of people, commands and emoji while writing. */
export const useSuggestions = (roomId: MaybeRefOrGetter<string>) => {
  const people = usePeople();
  const word = ref<{ start: number; trigger: '@' | ':' | '/'; word: string }>();
  const index = ref(0);
  const emoji = ref<{ emoji: string; label: string; shortcodes: string[] }[]>([]);

  const list = computed<Suggestion[]>(() => {
    const current = word.value;
    if (current === undefined) return [];
    const needle = current.word.toLocaleLowerCase();
    if (current.trigger === '/') {
      const ofPlugins = at('slash-command').flatMap(({ contribution }) =>
        'description' in contribution
          ? [{ name: contribution.name, usage: `/${contribution.name} ${contribution.usage ?? ''}`.trim() }]
          : [],
      );
      return [...commands, ...ofPlugins]
        .filter((command) => command.name.startsWith(needle))
        .slice(0, maxShown)
        .map((command) => ({
          kind: 'command',
          key: command.name,
          label: command.name,
          usage: command.usage,
        }));
    }
    if (current.trigger === ':') {
      return emoji.value
        .filter((one) => one.shortcodes.some((code) => code.includes(needle)) || one.label.includes(needle))
        .slice(0, maxShown)
        .map((one) => ({
          kind: 'emoji',
          key: one.emoji,
          emoji: one.emoji,
          label: one.shortcodes[0] ?? one.label,
        }));
    }
    const persons = people
      .list(toValue(roomId), 'join')
      .filter(
        (one) => one.name.toLocaleLowerCase().includes(needle) || one.userId.toLowerCase().includes(needle),
      )
      .slice(0, maxShown)
      .map((one): Suggestion => ({
        kind: 'person',
        key: one.userId,
        userId: one.userId,
        label: people.nameIn(toValue(roomId), one.userId),
        avatar: one.avatar,
      }));
    return 'room'.startsWith(needle) && needle !== ''
      ? [...persons, { kind: 'room', key: '@room', label: 'room' }]
      : persons;
  });

  const update = (text: string, cursor: number): void => {
    const next = wordAt(text, cursor);
    if (next?.word !== word.value?.word || next?.start !== word.value?.start) index.value = 0;
    word.value = next;
    if (next?.trigger === ':' && emoji.value.length === 0) {
      void import('../emoji.ts').then(async (module) => {
        emoji.value = await module.loadEmoji();
      });
    }
    if (next?.trigger === '@') void people.loadAll(toValue(roomId));
  };

  return { word, index, list, update, close: () => (word.value = undefined) };
};
