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
/** Writes that are not done yet, by draft: who comes back to a room at once must not read what was there before. */
const underWay = new Map<string, Promise<void>>();

/** What is being written in a room or thread, kept over reloads, sealed by the vault. */
export const useDraft = (key: string) => {
  const runtime = useRuntime();
  const draft = reactive(empty());
  let timer: ReturnType<typeof setTimeout> | undefined;
  let touched = false;

  const write = async (value: Draft): Promise<void> => {
    const isEmpty = value.text === '' && value.replyTo === undefined;
    const entry = { key, value: { ...value, mentions: [...value.mentions] } };
    try {
      await runtime.engine.call(
        'localPut',
        isEmpty ? { collection, remove: [key] } : { collection, put: [entry] },
      );
    } catch (error) {
      // A draft that cannot be kept is still on the screen.
      runtime.platform.report(error);
    }
  };
  /** Keeps what stands there now, after what was to be kept before. */
  const save = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!touched) return;
    const value: Draft = { ...draft, mentions: new Map(draft.mentions) };
    const next = (underWay.get(key) ?? Promise.resolve())
      .then(() => write(value))
      .finally(() => {
        if (underWay.get(key) === next) underWay.delete(key);
      });
    underWay.set(key, next);
  };

  const load = async (): Promise<void> => {
    await underWay.get(key);
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
      timer = setTimeout(save, saveAfterMs);
    },
    { deep: true },
  );
  // A hidden page may never be shown again.
  const onHidden = (): void => {
    if (document.visibilityState === 'hidden' && timer !== undefined) save();
  };
  document.addEventListener('visibilitychange', onHidden);
  onScopeDispose(() => {
    document.removeEventListener('visibilitychange', onHidden);
    save();
  });
  const clear = (): void => {
    Object.assign(draft, empty());
  };
  return { draft, load, clear, save };
};
