import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';
import type { Plugin } from 'vite';

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/**
 * Writes the service worker with the list of this build's files and their hash: the pinned build. The page runs what
 * was installed together, or nothing of it.
 */
const serviceWorker = (): Plugin => ({
  name: 'nyx-service-worker',
  apply: 'build',
  generateBundle(_options, bundle) {
    const files = Object.keys(bundle).filter((name) => !name.endsWith('.map'));
    const hash = createHash('sha256');
    for (const name of files.sort()) {
      const item = bundle[name];
      hash.update(name).update(item === undefined ? '' : item.type === 'chunk' ? item.code : item.source);
    }
    const source = readFileSync(new URL('./src/workers/service-worker.js', import.meta.url), 'utf8')
      .replace('__BUILD__', JSON.stringify(hash.digest('hex').slice(0, 16)))
      .replace(
        '__FILES__',
        JSON.stringify(['./', ...files.map((name) => `./${name}`), './icon.svg', './manifest.webmanifest']),
      );
    this.emitFile({ type: 'asset', fileName: 'sw.js', source });
  },
});

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the build runs from any folder of any static host.
  base: './',
  plugins: [vue(), serviceWorker()],
  define: {
    __NYX_VERSION__: JSON.stringify(version),
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_OPTIONS_API__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
    // Messages are interpreted, never turned into functions: the page's policy has no `unsafe-eval`.
    __INTLIFY_JIT_COMPILATION__: 'true',
  },
  build: {
    target: 'es2024',
    sourcemap: true,
    // A data: address for a small asset would need `data:` in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
});
