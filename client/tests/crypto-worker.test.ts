/** The engine where it will live: a web worker with IndexedDB and Web Locks in Chromium, under the product's CSP. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ViteDevServer } from 'vite';
import type { EngineArgs, EngineOp, EngineResults } from '../src/crypto/engine/protocol.ts';
import type { MatrixEvent } from '../src/crypto/engine/events.ts';
import { SimError, SimServer } from '../src/crypto/testing/sim-server.ts';
import { chromiumPath, launch, serve } from './browser.ts';

const ROOM = '!room:one.test';
const PASSPHRASE = 'open sesame';

/** One tab of one user's browser profile. */
class Tab {
  readonly page: Page;
  readonly userId: string;
  readonly server: SimServer;

  constructor(page: Page, userId: string, server: SimServer) {
    this.page = page;
    this.userId = userId;
    this.server = server;
  }

  static async open(context: BrowserContext, url: string, userId: string, server: SimServer): Promise<Tab> {
    const page = await context.newPage();
    page.on('pageerror', (error) => console.error('page error', error));
    await page.goto(url);
    await page.waitForFunction(() => 'takeRequests' in window);
    return new Tab(page, userId, server);
  }

  call<Op extends EngineOp>(op: Op, args: EngineArgs<Op>): Promise<EngineResults[Op]> {
    return this.page.evaluate(([name, given]) => window.engine.call(name, given), [
      op,
      args,
    ] as const) as Promise<EngineResults[Op]>;
  }

  /** Performs what the engine asks for until it asks for nothing more; then syncs, and again. */
  async settle(): Promise<void> {
    for (let calm = 0; calm < 2;) {
      const requests = await this.page.evaluate(() => window.takeRequests());
      for (const request of requests)
        try {
          const response = this.server.perform(this.userId, 'D', request);
          await this.call('requestDone', { id: request.id, response });
        } catch (error) {
          if (!(error instanceof SimError)) throw error;
          await this.call('requestFailed', { id: request.id, status: error.status });
        }
      const news = this.server.hasNews(this.userId, 'D');
      if (news) await this.call('processSync', this.server.sync(this.userId, 'D'));
      calm = requests.length === 0 && !news ? calm + 1 : 0;
    }
  }

  async send(text: string): Promise<MatrixEvent> {
    const content = { msgtype: 'm.text', body: text };
    const args = { roomId: ROOM, txnId: text, type: 'm.room.message', content };
    const encrypted = await this.during(this.call('encryptEvent', args));
    return this.server.send(ROOM, this.userId, { ...encrypted.content });
  }

  /** Performs requests until `result` is there. */
  async during<T>(result: Promise<T>): Promise<T> {
    const state = { done: false };
    const watched = result.finally(() => (state.done = true));
    while (!state.done) await this.settle();
    return watched;
  }

  async read(event: MatrixEvent): Promise<unknown> {
    const { results } = await this.call('decryptEvents', { roomId: ROOM, events: [event] });
    return results[0]?.state === 'decrypted' ? results[0].content.body : results[0]?.state;
  }
}

describe.skipIf(chromiumPath === undefined)('the crypto worker in Chromium', () => {
  let browser: Browser;
  let vite: ViteDevServer;
  let url: string;
  const server = new SimServer();
  const contexts: BrowserContext[] = [];

  const profile = async (): Promise<BrowserContext> => {
    const context = await browser.newContext();
    contexts.push(context);
    return context;
  };

  beforeAll(async () => {
    const served = await serve(new URL('./crypto-page', import.meta.url).pathname);
    vite = served.server;
    url = served.url;
    browser = await launch();
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    await vite.close();
  });

  it('carries messages between two profiles, survives a reload, and has one leader among two tabs', async () => {
    const [aliceProfile, bobProfile] = [await profile(), await profile()];
    const alice = await Tab.open(aliceProfile, url, '@alice:one.test', server);
    const bob = await Tab.open(bobProfile, url, '@bob:two.test', server);
    for (const tab of [alice, bob]) {
      server.addDevice(tab.userId, 'D');
      expect((await tab.call('status', {})).vault).toBe('none');
      const { words } = await tab.call('createVault', {
        userId: tab.userId,
        deviceId: 'D',
        passphrase: PASSPHRASE,
      });
      expect(words).toHaveLength(24);
      await tab.during(tab.call('bootstrapIdentity', {}));
      await tab.settle();
    }
    server.createRoom(ROOM, alice.userId);
    await alice.settle();
    const target = bob.userId;
    const signed = await alice.call('signMembership', { roomId: ROOM, membership: 'invite', target });
    server.member(ROOM, alice.userId, target, { membership: 'invite', ...signed.content });
    await bob.settle();
    server.member(ROOM, target, target, { membership: 'join' });
    for (const tab of [bob, alice, bob, alice]) await tab.settle();

    const first = await alice.send('from worker to worker');
    await bob.settle();
    expect(await bob.read(first)).toBe('from worker to worker');

    // A second tab speaks through the first one's engine and performs no requests of its own.
    const second = await Tab.open(aliceProfile, url, alice.userId, server);
    expect(await second.call('status', {})).toMatchObject({ vault: 'open', leader: false });
    expect(await second.read(first)).toBe('from worker to worker');
    expect(await second.page.evaluate(() => window.takeRequests())).toEqual([]);

    // The first one goes: the second leads, with the vault locked until the passphrase comes.
    await alice.page.close();
    await second.page.waitForFunction(
      async () => ((await window.engine.call('status', {})) as { leader: boolean }).leader,
    );
    expect((await second.call('status', {})).vault).toBe('locked');
    await expect(second.call('unlock', { passphrase: 'wrong' })).rejects.toThrow('WRONG_PASSPHRASE');
    await second.call('unlock', { passphrase: PASSPHRASE });
    expect(await second.read(first)).toBe('from worker to worker');
    const after = await second.send('after the change of tabs');
    await bob.settle();
    expect(await bob.read(after)).toBe('after the change of tabs');
  }, 120_000);
});
