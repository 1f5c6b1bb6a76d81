/**
 * `npm run screens -w client`: walks through the app against real servers and writes every screen, light and dark, at
 * 1280x800 and 375x812, to docs/screens as WebP.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { startDemo } from '@nyx/homeserver/demo/start-demo.ts';
import { launch } from '../tests/browser.ts';
import { walk } from '../tests/walk.ts';

const folder = join(import.meta.dirname, '../../docs/screens');
const sizes = [
  { name: 'desktop', width: 1280, height: 800 },
  { name: 'phone', width: 375, height: 812 },
] as const;
const only = process.argv.slice(2);

// A chosen few are written over; all of them replace what is there.
if (only.length === 0) await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await using demo = await startDemo({ report: console.log, env: { NYX_RATE_LIMITS: 'off' } });
const browser = await launch();
const encoder = await browser.newPage();

/** PNG to WebP, in the browser itself: no image library is needed for it. */
const toWebp = async (png: Buffer): Promise<Buffer> => {
  const url = await encoder.evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext('2d')?.drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', 0.82);
  }, png.toString('base64'));
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
};

const shoot = async (page: Page, name: string): Promise<void> => {
  if (only.length > 0 && !only.includes(name)) return;
  for (const size of sizes) {
    await page.setViewportSize({ width: size.width, height: size.height });
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      await page.waitForTimeout(180);
      await writeFile(
        join(folder, `${name}-${size.name}-${scheme}.webp`),
        await toWebp(await page.screenshot()),
      );
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
  console.log(name);
};

await walk(browser, demo, shoot);
await browser.close();
