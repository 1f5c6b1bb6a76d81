/**
 * What running plugins have brought, for the parts of the page that show it. Small, because it is part of the start-up
 * bundle: everything that runs plugins is loaded when there is one.
 */
import { reactive, ref, shallowRef } from 'vue';
import type { ResolvedProfile } from '@nyx/plugin-sdk/client/data.ts';
import type { Registered } from '@nyx/plugin-sdk/client/runtime.ts';

/** A contribution of a running plugin. */
export type Live = Registered & {
  readonly plugin: string;
  readonly pluginName: string;
  /** Unique over plugins: for keys of lists. */
  readonly key: string;
  /** Something it did failed: counted against the plugin. */
  readonly failed: (error: unknown) => void;
};

export type Question =
  | {
      readonly kind: 'confirm';
      readonly plugin: string;
      readonly title: string;
      readonly text: string;
      readonly confirm: string;
      readonly danger: boolean;
      readonly answer: (yes: boolean) => void;
    }
  | {
      readonly kind: 'show-code';
      readonly plugin: string;
      readonly title: string;
      readonly text: string;
      readonly payload: Uint8Array;
      readonly answer: () => void;
    }
  | {
      readonly kind: 'scan-code';
      readonly plugin: string;
      readonly title: string;
      readonly text: string;
      readonly answer: (payload: Uint8Array | undefined) => void;
    };

export type PluginState = 'disabled' | 'needs-permission' | 'active' | 'failed' | 'incompatible';

/** A plugin as the settings show it. */
export type ListedPlugin = {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly tier: 'sandboxed' | 'trusted';
  /** Came with this client. */
  readonly bundled: boolean;
  readonly state: PluginState;
  /** Why it is `failed` or `incompatible`. */
  readonly reason: string;
  readonly permissions: readonly string[];
  readonly granted: readonly string[];
};

export const contributions = shallowRef<readonly Live[]>([]);
export const plugins = shallowRef<readonly ListedPlugin[]>([]);
export const questions = shallowRef<readonly Question[]>([]);
/** The panel that is open beside the timeline: a contribution's key. */
export const openPanel = ref<string>();
/** Counts refreshes by a contribution's key. */
export const refreshed = reactive(new Map<string, number>());

/** Contributions of a point, in order of their plugins. */
export const at = (point: Registered['point']): readonly Live[] =>
  contributions.value.filter((one) => one.point === point);

/** How somebody looks, as the first plugin that knows says. */
export const resolveProfile = (userId: string): ResolvedProfile | undefined => {
  for (const { contribution, failed } of at('profile-resolver')) {
    if (!('resolveProfile' in contribution)) continue;
    try {
      const found = contribution.resolveProfile(userId);
      if (found !== undefined) return found;
    } catch (error) {
      failed(error);
    }
  }
  return undefined;
};

/** Puts a question to the person, after those that wait. */
export const ask = (question: Question): void => {
  questions.value = [...questions.value, question];
};

export const answered = (question: Question): void => {
  questions.value = questions.value.filter((one) => one !== question);
};
