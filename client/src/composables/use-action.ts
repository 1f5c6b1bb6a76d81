import { computed, shallowRef } from 'vue';
import type { ComputedRef } from 'vue';
import type { ApiError, Result } from '../matrix/api/result.ts';
import { useErrorText } from './use-error-text.ts';

export type ActionState =
  { kind: 'idle' } | { kind: 'loading' } | { kind: 'ok' } | { kind: 'error'; text: string };

/** One thing a person can set off: idle, loading, ok or error with words. A second click while it runs does nothing. */
export const useAction = <A extends unknown[], T>(
  run: (...args: A) => Promise<Result<T>>,
): {
  state: Readonly<ComputedRef<ActionState>>;
  busy: ComputedRef<boolean>;
  error: ComputedRef<string>;
  /** Answers the value, or undefined when it failed. */
  start: (...args: A) => Promise<T | undefined>;
  fail: (text: string) => void;
  clear: () => void;
} => {
  const { errorText, thrownText } = useErrorText();
  const state = shallowRef<ActionState>({ kind: 'idle' });
  const fail = (text: string): void => {
    state.value = { kind: 'error', text };
  };
  return {
    state: computed(() => state.value),
    busy: computed(() => state.value.kind === 'loading'),
    error: computed(() => (state.value.kind === 'error' ? state.value.text : '')),
    fail,
    clear: () => {
      state.value = { kind: 'idle' };
    },
    start: async (...args) => {
      if (state.value.kind === 'loading') return undefined;
      state.value = { kind: 'loading' };
      try {
        const answer = await run(...args);
        if (answer.ok) {
          state.value = { kind: 'ok' };
          return answer.value;
        }
        fail(errorText(answer.error));
      } catch (error) {
        fail(thrownText(error));
      }
      return undefined;
    },
  };
};

/** A value that cannot fail over the network, as a result: for engine calls, which throw. */
export const asResult = async <T>(promise: Promise<T>): Promise<{ ok: true; value: T }> => ({
  ok: true,
  value: await promise,
});

export type { ApiError };
