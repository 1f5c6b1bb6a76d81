/**
 * `npm run bench:ui -w client`: the built client in Chromium against a real server. A table, and one line of JSON.
 * Figures are for a machine that does nothing else. The bench's rooms are not encrypted: what is measured is the store,
 * the list and the index; `bench:crypto` measures decryption. `-- --minutes N` holds a busy room open for N minutes and
 * says how the memory went.
 */
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { startDemo } from '@nyx/homeserver/demo/start-demo.ts';
import { createRoom, newPage, newPerson, say, sees, unlock } from '../tests/app-driver.ts';
import { launch } from '../tests/browser.ts';
import { measureDrift, seedEvents, seedRooms, timeFrames, timeOpening } from './ui-probes.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string' } } });
const minutes = Number(values.minutes ?? 0);
const events = 50_000;
const rooms = 1_000;
const marker = 'the newest message of all';

const percentile = (list: readonly number[], share: number): number =>
  [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))] ?? Number.NaN;
const rounded = (value: number): number => Math.round(value * 10) / 10;

await using demo = await startDemo({ report: console.error, env: { NYX_RATE_LIMITS: 'off' } });
const browser = await launch(['--enable-precise-memory-info', '--js-flags=--expose-gc']);
const [server] = demo.servers;

/** Cold: a browser profile of its own, nothing cached. Wall clock until the form can be used. */
const firstScreen = async (): Promise<number> => {
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const { page, context } = await newPage(browser);
    const start = performance.now();
    await page.goto(`${server.url}/`);
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    times.push(performance.now() - start);
    await context.close();
  }
  return percentile(times, 0.5);
};

/** Scripts that a page loads before its first screen, without the workers', gzip, kB. */
const startUp = async (page: Page): Promise<number> => {
  const bodies = new Map<string, Promise<Buffer>>();
  page.on('response', (response) => {
    const isScript = response.request().resourceType() === 'script';
    const isWorker = response.url().includes('worker') || response.url().endsWith('sw.js');
    if (isScript && !isWorker) bodies.set(response.url(), response.body());
  });
  await page.goto(`${server.url}/`);
  await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  const sizes = await Promise.all([...bodies.values()].map(async (body) => gzipSync(await body).length));
  return sizes.reduce((sum, size) => sum + size, 0) / 1_000;
};

const firstScreenMs = await firstScreen();
const cold = await newPage(browser);
const startupKb = await startUp(cold.page);
await cold.context.close();

const ana = await newPerson(browser, server, 'ana');
const { page } = ana;
await createRoom(page, 'Fifty thousand', true);
await say(page, marker);
await sees(page, marker);
const roomId = decodeURIComponent(page.url().split('/room/')[1] ?? '');
const session = await page.evaluate(
  () => JSON.parse(localStorage.getItem('nyx.session') ?? '{}') as Record<string, string>,
);
const database = `nyx:${session.userId ?? ''}:${session.deviceId ?? ''}`;
await page.goto(`${server.url}/#/`);
await page.evaluate(seedEvents, { roomId, count: events, database });
await page.evaluate(seedRooms, { roomId, count: rooms, database });

const openings: number[] = [];
for (let round = 0; round < 3; round += 1) {
  await page.goto(`${server.url}/#/`);
  await page.reload();
  await unlock(page);
  await page
    .getByRole('link', { name: /Fifty thousand/ })
    .first()
    .waitFor();
  openings.push(await page.evaluate(timeOpening, { room: 'Fifty thousand', text: marker }));
}
const openMs = percentile(openings, 0.5);

const listFrames = await page.evaluate(timeFrames, {
  selector: '.side-bar .scroller',
  step: 120,
  frames: 240,
});
const timelineFrames = await page.evaluate(timeFrames, {
  selector: '.talk .scroller',
  step: -120,
  frames: 400,
});
const driftPx = await page.evaluate(measureDrift, 60);

await page.getByRole('button', { name: 'Search in this conversation' }).click();
const box = page.getByPlaceholder('Search messages');
const built = performance.now();
await box.fill('low water');
await page.waitForFunction(
  (count) =>
    performance
      .getEntriesByName('nyx search', 'measure')
      .some((one) => (one as PerformanceMeasure).detail >= count),
  events,
  { timeout: 180_000 },
);
const buildMs = performance.now() - built;
await page.evaluate(() => performance.clearMeasures());
for (const text of ['boots rope', '(4321)', 'nowhere to be found', 'lamp', 'warm']) {
  await box.fill(text);
  await page.waitForFunction(
    (before) => performance.getEntriesByName('nyx search', 'measure').length > before,
    await page.evaluate(() => performance.getEntriesByName('nyx search', 'measure').length),
  );
}
const searches = await page.evaluate(() =>
  performance.getEntriesByName('nyx search', 'measure').map((one) => one.duration),
);
const searchMs = Math.max(...searches);

/** Heap after a collection, MB. */
const heap = async (): Promise<number> => {
  const client = await page.context().newCDPSession(page);
  await client.send('HeapProfiler.collectGarbage');
  const { usedSize } = await client.send('Runtime.getHeapUsage');
  await client.detach();
  return usedSize / 1_000_000;
};

const memory: string[] = [];
if (minutes > 0) {
  await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click();
  const send = async (n: number): Promise<void> => {
    await fetch(
      `${server.url}/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/busy${n}`,
      {
        method: 'PUT',
        headers: { authorization: `Bearer ${session.token ?? ''}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          msgtype: 'm.text',
          body: `busy message ${n} ${'lorem ipsum '.repeat(n % 20)}`,
        }),
      },
    );
  };
  const end = performance.now() + minutes * 60_000;
  for (let n = 0; performance.now() < end; n += 1) {
    await send(n);
    if (n % 200 === 0) memory.push(`${n}: ${(await heap()).toFixed(1)} MB`);
  }
}

const bounds: readonly (readonly [string, number, string, number])[] = [
  ['start-up JavaScript, gzip', startupKb, 'kB', 220],
  ['first screen, cold', firstScreenMs, 'ms', 1_500],
  [`a room with ${events} events opens`, openMs, 'ms', 1_000],
  ['timeline, frame p95', percentile(timelineFrames, 0.95), 'ms', 34],
  [`list of ${rooms} rooms, frame p95`, percentile(listFrames, 0.95), 'ms', 34],
  ['drift while pages arrive', driftPx, 'px', 1],
  [`search over ${events} messages, slowest of ${searches.length}`, searchMs, 'ms', 100],
];
for (const [what, value, unit, bound] of bounds) {
  console.log(
    `${what.padEnd(48)} ${String(rounded(value)).padStart(9)} ${unit.padEnd(3)} (<= ${bound})${value <= bound ? '' : '  SHORT'}`,
  );
}
console.log(`${'search index, built once'.padEnd(48)} ${String(Math.round(buildMs)).padStart(9)} ms`);
for (const line of memory) console.log(`memory after ${line}`);
console.log(
  JSON.stringify({
    startup_gzip_kb: rounded(startupKb),
    first_screen_ms: Math.round(firstScreenMs),
    open_50k_room_ms: Math.round(openMs),
    timeline_frame_p95_ms: rounded(percentile(timelineFrames, 0.95)),
    drift_px: rounded(driftPx),
    search_50k_ms: rounded(searchMs),
  }),
);
await browser.close();
