/// <reference types="vite/client" />

/** Version of this build, from package.json. */
declare const __NYX_VERSION__: string;

/** For tools that do not read single-file components; vue-tsc sees the real types. */
declare module '*.vue' {
  import type { DefineComponent } from 'vue';

  const component: DefineComponent<Record<string, unknown>, Record<string, unknown>, unknown>;
  export { component as default };
}
