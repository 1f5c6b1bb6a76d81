/** Real headless Chromium for tests: finds one, or says aloud that there is none. */
import { existsSync } from 'node:fs';
import { createServer } from 'vite';
import type { ViteDevServer } from 'vite';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const candidates = [
  process.env.NYX_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].filter((path): path is string => path !== undefined && path !== '');

export const chromiumPath = candidates.find((path) => existsSync(path));

if (chromiumPath === undefined) {
  console.warn('skipped: no Chromium found (set NYX_CHROMIUM to its path)');
}

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
