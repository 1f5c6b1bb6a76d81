/** What the browser tests of one file share: two federated servers, a Chromium, and how long they wait. */
import { afterAll, beforeAll } from 'vitest';
import type { Browser } from 'playwright-core';
import type { Demo } from '@nyx/homeserver/demo/start-demo.ts';
import { startDemo } from '@nyx/homeserver/demo/start-demo.ts';
import { chromiumPath, launch } from './browser.ts';

/** A whole story of several people, ms. */
export const patient = 300_000;
/** Something that is about to show, on a busy machine. */
export const soon = { timeout: 60_000 };

export type World = { readonly demo: Demo; readonly browser: Browser };

/** Starts the world before the tests of a file and ends it after them; there is none without a Chromium. */
export const useWorld = (browserOptions: string[] = []): World => {
  let demo: Demo | undefined;
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (chromiumPath === undefined) return;
    demo = await startDemo({ report: () => undefined, env: { NYX_RATE_LIMITS: 'off' } });
    browser = await launch(browserOptions);
  }, patient);
  afterAll(async () => {
    await browser?.close();
    await demo?.[Symbol.asyncDispose]();
  }, patient);
  const ready = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('the world has not been started');
    return part;
  };
  return {
    get demo() {
      return ready(demo);
    },
    get browser() {
      return ready(browser);
    },
  };
};
