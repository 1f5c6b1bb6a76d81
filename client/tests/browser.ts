/** Real headless Chromium for tests: finds one, or says aloud that there is none. */
import { thisMachine } from '@nyx/homeserver/services/start-services.ts';
import { findChromium } from '@nyx/homeserver/services/tools.ts';
import { createServer } from 'vite';
import type { ViteDevServer } from 'vite';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const found = await findChromium(thisMachine((line) => console.log(line))).catch((error: unknown) => {
  console.warn(`skipped: ${String(error)}`);
  return undefined;
});

/** The Chromium of the browser tests; undefined where there is none. */
export const chromiumPath = found?.path;

export const launch = (extra: string[] = []): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath ?? '',
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', ...extra],
  });

/** Serves `root` through Vite on a free port. */
export const serve = async (root: string): Promise<{ url: string; server: ViteDevServer }> => {
  const server = await createServer({
    root,
    configFile: new URL('../vite.config.ts', import.meta.url).pathname,
    logLevel: 'error',
    server: { port: 0, host: '127.0.0.1', watch: null, hmr: false, fs: { strict: false } },
  });
  await server.listen();
  const address = server.httpServer?.address();
  if (address === null || address === undefined || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, server };
};
