import type { TrustedPlugin } from '@nyx/plugin-sdk/client/plugin.ts';

/** A trusted plugin that is built together with the client. */
export type BundledPlugin = {
  /** The parsed `plugin.json`, not checked yet. */
  readonly manifest: () => Promise<unknown>;
  readonly load: () => Promise<{ readonly plugin: TrustedPlugin }>;
};

/** Plugins that come with this client; the person may switch each off. */
export const bundledPlugins: readonly BundledPlugin[] = [
  {
    manifest: async () => (await import('@nyx/webrtc-calls/plugin.json')).default,
    load: () => import('@nyx/webrtc-calls/client.ts'),
  },
];
