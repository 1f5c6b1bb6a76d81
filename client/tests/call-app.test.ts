import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Browser, BrowserContext } from 'playwright-core';
import type { Demo } from '@nyx/homeserver/demo/start-demo.ts';
import { startDemo } from '@nyx/homeserver/demo/start-demo.ts';
import {
  acceptInvite,
  closePanel,
  createRoom,
  describePages,
  invite,
  newPerson,
  type Person,
} from './app-driver.ts';
import { chromiumPath, launch } from './browser.ts';
import { flows, recordConnections } from './call-exchange.ts';
import { startTurnServer, turnServerPath, type TurnServer } from './turn-server.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 180_000 });

const slow = { timeout: 90_000 };

describe.skipIf(chromiumPath === undefined || turnServerPath === undefined)('a call in the app', () => {
  let turn: TurnServer;
  let demo: Demo;
  let browser: Browser;
  const people: Person[] = [];

  beforeAll(async () => {
    turn = await startTurnServer();
    demo = await startDemo({
      report: () => undefined,
      env: {
        NYX_RATE_LIMITS: 'off',
        NYX_TURN_URIS: turn.uris.join(','),
        NYX_TURN_SHARED_SECRET: turn.secret,
      },
    });
    browser = await launch([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--allow-loopback-in-peer-connection',
      '--autoplay-policy=no-user-gesture-required',
    ]);
  });
  afterAll(async () => {
    await browser.close();
    await demo[Symbol.asyncDispose]();
    await turn[Symbol.asyncDispose]();
  });

  it('rings on another server, connects through encrypted signals, and stands in the timeline', async () => {
    const [north, south] = demo.servers;
    const prepare = async (context: BrowserContext): Promise<void> => {
      await context.addInitScript(recordConnections);
    };
    const options = { permissions: ['camera', 'microphone'] };
    try {
      const ana = await newPerson(browser, north, 'ana', options, prepare);
      people.push(ana);
      const ben = await newPerson(browser, south, 'ben', options, prepare);
      people.push(ben);
      await createRoom(ana.page, 'Harbour');
      await invite(ana.page, ben.userId);
      await closePanel(ana.page);
      await acceptInvite(ben.page, 'Harbour');
      await ana.page.getByRole('button', { name: 'Video call', exact: true }).click(slow);
      await ben.page.getByRole('button', { name: 'Answer with video' }).click(slow);
      for (const { page } of people) {
        await page
          .getByRole('region', { name: /Call with/ })
          .getByText(/^\d+:\d\d$/)
          .waitFor(slow);
        await expect
          .poll(
            async () =>
              (await flows(page)).some(
                ({ framesDecoded, audioEnergy }) => framesDecoded > 0 && audioEnergy > 0,
              ),
            slow,
          )
          .toBe(true);
      }
      await ben.page.getByRole('button', { name: 'Hang up' }).click();
      await ana.page.getByText('The call has ended').first().waitFor(slow);
      for (const { page } of people) {
        await page.locator('.message').getByText('Video call').waitFor(slow);
        await page.locator('.message').getByText('Call ended').waitFor(slow);
      }
    } catch (error) {
      throw new Error(await describePages(people), { cause: error });
    }
  });
});
