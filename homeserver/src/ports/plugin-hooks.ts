import type { CheckHook, CheckInputs } from '@nyx/plugin-sdk/server/hooks.ts';

/** Asks plugins before something is done. */
export interface PluginHooks {
  /**
   * Asks every plugin that checks this, one after the other. Throws `forbidden` with the errcode of the first that
   * refuses, and `unavailable` when one fails whose silence must not let things pass. Without such plugins nothing is
   * done at all: `input` is not called, and there is nothing to wait for.
   */
  check<H extends CheckHook>(hook: H, input: () => CheckInputs[H]): Promise<void> | undefined;
}
