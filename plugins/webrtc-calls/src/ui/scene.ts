import type { TrustedContext } from '@nyx/plugin-sdk/client/plugin.ts';
import { inject, type InjectionKey } from 'vue';
import type { CallService } from '../service/call-service.ts';

/** What the components of a call share. */
export type Scene = {
  readonly context: TrustedContext;
  readonly service: CallService;
  /** A name for somebody, in a room. */
  readonly nameOf: (userId: string, roomId: string) => string;
};

export const sceneKey: InjectionKey<Scene> = Symbol('calls');

/** The scene that the overlay provided. */
export const useScene = (): Scene => {
  const scene = inject(sceneKey);
  if (scene === undefined) throw new Error('no scene of a call');
  return scene;
};
