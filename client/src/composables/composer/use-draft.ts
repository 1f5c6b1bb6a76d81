import { onScopeDispose, reactive, watch } from 'vue';
import { recordOf, stringOf } from '../../matrix/events.ts';
import { useRuntime } from '../../stores/session.ts';

export type Draft = {
  text: string;
  replyTo: string | undefined;
  replySender: string | undefined;
  edits: string | undefined;
  /** Shown label -> user id. */
  mentions: Map<string, string>;
};

const empty = (): Draft => ({
  text: '',
  replyTo: undefined,
  replySender: undefined,
  edits: undefined,
  mentions: new Map(),
});
const saveAfterMs = 300;
const collection = 'drafts';

/** What is being written in a room or thread, kept over reloads, sealed by the vault. */
export const useDraft = (key: string) => {
  const runtime = useRuntime();
  const draft = reactive(empty());
  let timer: ReturnType<typeof setTimeout> | undefined;
  let touched = false;

  const save = async (): Promise<void> => {
    clearTimeout(timer);
    if (!touched) return;
    const value = { ...draft, mentions: [...draft.mentions] };
    const isEmpty = draft.text === '' && draft.replyTo === undefined;
    try {
      await runtime.engine.call(
        'localPut',
        isEmpty ? { collection, remove: [key] } : { collection, put: [{ key, value }] },
      );
    } catch (error) {
      // A draft that cannot be kept is still on the screen.
      runtime.platform.report(error);
    }
  };

  const load = async (): Promise<void> => {
    const { entries } = await runtime.engine.call('localGet', { collection, keys: [key] });
    const stored = recordOf(entries[0]?.value);
    // Typing that began before the store answered wins.
    if (stored === undefined || touched) return;
    draft.text = stringOf(stored.text) ?? '';
    draft.replyTo = stringOf(stored.replyTo);
    draft.replySender = stringOf(stored.replySender);
    draft.edits = stringOf(stored.edits);
    const { mentions } = stored;
    if (Array.isArray(mentions)) draft.mentions = new Map(mentions as [string, string][]);
  };

  watch(
    draft,
    () => {
      touched = true;
      clearTimeout(timer);
      timer = setTimeout(() => void save(), saveAfterMs);
    },
    { deep: true },
  );
  onScopeDispose(() => void save());
  const clear = (): void => {
    Object.assign(draft, empty());
  };
  return { draft, load, clear };
};
