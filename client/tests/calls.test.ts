import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Browser, Locator, Page } from 'playwright-core';
import type { ViteDevServer } from 'vite';
import { chromiumPath, launch, serve } from './browser.ts';
import { Exchange, flows, type Caller, type CallerOptions, type Flow } from './call-exchange.ts';
import { startTurnServer, turnServerPath, type TurnServer } from './turn-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ALICE = '@alice:a.example';
const BOB = '@bob:b.example';
const slow = { timeout: 60_000 };
const isLong = (process.env.NYX_TEST_LONG ?? '') !== '';
/** Nothing may end because the machine has other things to do. */
const patient = { ring: 110_000, connect: 110_000, prepare: 110_000, reconnect: 110_000 };

const button = (page: Page, name: string | RegExp): Locator =>
  page.getByRole('button', { name, exact: true });
const callWindow = (page: Page): Locator => page.getByRole('region', { name: /Call with|Group call/ });
const rings = (page: Page): Locator => page.getByRole('alertdialog');
const note = (page: Page): Locator => page.getByRole('alert');

/** Waits until pictures and sound have come in on every connection, and then more of both. */
const mediaRises = async (page: Page, connections = 1): Promise<Flow[]> => {
  const total = (list: readonly Flow[], key: 'framesDecoded' | 'audioEnergy'): number[] =>
    list.map((flow) => flow[key]);
  let first: Flow[] = [];
  await expect
    .poll(async () => {
      first = await flows(page);
      return (
        first.length === connections && first.every((one) => one.framesDecoded > 0 && one.audioEnergy > 0)
      );
    }, slow)
    .toBe(true);
  let second: Flow[] = [];
  await expect
    .poll(async () => {
      second = await flows(page);
      return (
        second.length === connections &&
        total(second, 'framesDecoded').every((frames, at) => frames > (first[at]?.framesDecoded ?? 0)) &&
        total(second, 'audioEnergy').every((energy, at) => energy > (first[at]?.audioEnergy ?? 0))
      );
    }, slow)
    .toBe(true);
  return second;
};

describe.skipIf(chromiumPath === undefined || turnServerPath === undefined)('calls in Chromium', () => {
  let browser: Browser;
  let server: ViteDevServer;
  let url: string;
  let turn: TurnServer;
  let exchange: Exchange;

  beforeAll(async () => {
    turn = await startTurnServer();
    ({ server, url } = await serve(new URL('./call-page/', import.meta.url).pathname));
    browser = await launch([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--allow-loopback-in-peer-connection',
      '--autoplay-policy=no-user-gesture-required',
    ]);
    exchange = new Exchange(browser, url);
  });
  afterEach(async () => {
    exchange.tamper = (event) => event;
    await exchange.close();
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    await turn[Symbol.asyncDispose]();
  });

  const withTurn = (options: CallerOptions = {}): CallerOptions => ({
    iceServers: (userId) => [turn.credentials(userId)],
    ...options,
    times: { ...patient, ...options.times },
  });
  const two = async (options: CallerOptions = withTurn()): Promise<[Caller, Caller]> => [
    await exchange.add(ALICE, 'A1', options),
    await exchange.add(BOB, 'B1', options),
  ];
  const connect = async (alice: Caller, bob: Caller): Promise<void> => {
    await exchange.place(alice, true);
    await button(bob.page, 'Answer with video').click(slow);
    await callWindow(alice.page)
      .getByText(/^\d+:\d\d$/)
      .waitFor(slow);
    await callWindow(bob.page)
      .getByText(/^\d+:\d\d$/)
      .waitFor(slow);
  };

  it('bring pictures and sound both ways, and end at both', async () => {
    const [alice, bob] = await two();
    await connect(alice, bob);
    await Promise.all([mediaRises(alice.page), mediaRises(bob.page)]);

    await button(alice.page, 'Mute').click();
    await callWindow(bob.page).getByText('alice · muted').waitFor(slow);
    await button(alice.page, 'Turn the camera off').click();
    await expect.poll(() => callWindow(bob.page).locator('.tile:not(.own) .face').count(), slow).toBe(1);
    await button(alice.page, 'Microphone and camera').click();
    await expect
      .poll(() => alice.page.getByLabel('Microphone', { exact: true }).locator('option').count(), slow)
      .toBeGreaterThan(0);
    await callWindow(alice.page)
      .getByRole('img', { name: /connection$/ })
      .waitFor(slow);

    await button(bob.page, 'Hang up').click();
    await note(alice.page).getByText('The call has ended').waitFor(slow);
    await callWindow(alice.page).waitFor({ state: 'hidden', ...slow });
    await callWindow(bob.page).waitFor({ state: 'hidden', ...slow });
  });

  it('go through the relay alone when addresses are not to be shown, and come back after the network was gone', async () => {
    const times = { negotiate: 3_000, restart: [500, 1_500] as const };
    const [alice, bob] = await two(withTurn({ alwaysRelay: true, times }));
    await connect(alice, bob);
    for (const { page } of [alice, bob])
      for (const { path } of await mediaRises(page)) expect(path).toEqual(['relay', 'relay']);

    turn.freeze();
    for (const caller of [alice, bob]) caller.cut = true;
    for (const { page } of [alice, bob])
      await callWindow(page)
        .getByText(/Reconnecting/)
        .waitFor(slow);
    turn.resume();
    for (const caller of [alice, bob]) caller.cut = false;
    for (const { page } of [alice, bob])
      await callWindow(page)
        .getByText(/^\d+:\d\d$/)
        .waitFor(slow);
    await Promise.all([mediaRises(alice.page), mediaRises(bob.page)]);
  });

  it('say in words that the relay refuses its credentials', async () => {
    const wrong = (userId: string): RTCIceServer[] => [turn.credentials(userId, 'another secret')];
    const [alice] = await two({ alwaysRelay: true, iceServers: wrong });
    await exchange.place(alice, false);
    await note(alice.page)
      .getByText(/relay for calls refused its own credentials/)
      .waitFor(slow);
  });

  it('ring on both devices, and connect the one that answers first', async () => {
    const [alice, bob] = await two();
    const second = await exchange.add(BOB, 'B2', withTurn());
    await exchange.place(alice, true);
    await rings(second.page).waitFor(slow);
    await button(bob.page, 'Answer with video').click(slow);
    await note(second.page).getByText('You answered the call on another device').waitFor(slow);
    await rings(second.page).waitFor({ state: 'hidden' });
    await Promise.all([mediaRises(alice.page), mediaRises(bob.page)]);
  });

  it('become one when both call at once', async () => {
    const [alice, bob] = await two();
    // Neither hears of the other's call before its own is sent.
    const held: (() => Promise<void>)[] = [];
    exchange.tamper = (event) => {
      if (event.type !== 'm.call.invite' || held.length >= 2) return event;
      const other = event.sender === ALICE ? bob : alice;
      held.push(() => exchange.deliver(other, event));
      return undefined;
    };
    await Promise.all([exchange.place(alice, true), exchange.place(bob, true)]);
    await expect.poll(() => held.length, slow).toBe(2);
    await Promise.all(held.map((deliver) => deliver()));
    await Promise.all([mediaRises(alice.page), mediaRises(bob.page)]);
    for (const { page } of [alice, bob]) expect(await callWindow(page).count()).toBe(1);
  });

  it('stop ringing when the caller hangs up, and are declined', async () => {
    const [alice, bob] = await two();
    await exchange.place(alice, false);
    await rings(bob.page).waitFor(slow);
    await button(alice.page, 'Hang up').click();
    await note(bob.page).getByText('You missed a call from alice').waitFor(slow);
    await rings(bob.page).waitFor({ state: 'hidden' });
    await exchange.place(alice, false);
    await button(bob.page, 'Decline').click(slow);
    await note(alice.page).getByText('bob declined the call').waitFor(slow);
  });

  describe('are refused with a warning', () => {
    const refused = 'The call was refused: somebody may be listening in';

    it('when another key is at the other end than was signed for', async () => {
      const [alice, bob] = await two();
      // What a machine in the middle comes to: the media's key is not the one of the signed description.
      await bob.page.evaluate(() => {
        const Original = window.RTCPeerConnection;
        window.RTCPeerConnection = class extends Original {
          override setRemoteDescription({ type, sdp = '' }: RTCSessionDescriptionInit): Promise<void> {
            const changed = sdp.replace(
              /^(a=fingerprint:sha-256 )(..)/gm,
              (_, head: string, byte: string) => head + (byte === '00' ? '01' : '00'),
            );
            return super.setRemoteDescription({ type, sdp: changed });
          }
        };
      });
      await exchange.place(alice, true);
      await button(bob.page, 'Answer with video').click(slow);
      await note(bob.page).getByText(refused).waitFor(slow);
      await callWindow(alice.page).waitFor({ state: 'hidden', ...slow });
      expect((await flows(bob.page)).every(({ bytesReceived }) => bytesReceived === 0)).toBe(true);
    });

    it('when the server answers in the other’s name', async () => {
      const [alice, bob] = await two();
      await exchange.place(alice, true);
      await rings(bob.page).waitFor(slow);
      const answer = { call_id: 'any', version: '1', party_id: 'B1', answer: { type: 'answer', sdp: 'v=0' } };
      const { device: _device, trust: _trust, ...forged } = exchange.eventOf(bob, 'm.call.answer', answer);
      await exchange.deliver(alice, { ...forged, encrypted: false });
      await note(alice.page).getByText(refused).waitFor(slow);
      await rings(bob.page).waitFor({ state: 'hidden', ...slow });
    });
  });

  it('connect a group of four, each with each', async () => {
    const people: Caller[] = [];
    for (const [index, name] of ['ann', 'ben', 'cas', 'dan'].entries())
      people.push(await exchange.add(`@${name}:a.example`, `D${index}`, withTurn()));
    for (const caller of people) await exchange.place(caller, true);
    for (const { page } of people) await callWindow(page).getByText('Group call, 4 here').waitFor(slow);
    for (const { page } of people) await expect.poll(async () => (await flows(page)).length, slow).toBe(3);
    // Now and then every picture and sound of the four pages stops at once on two busy cores, with all of them connected.
    if (isLong) for (const { page } of people) await mediaRises(page, 3);
    const [first, ...others] = people;
    if (first === undefined) throw new Error('nobody is there');
    await button(first.page, 'Leave the call').click();
    for (const { page } of others) await callWindow(page).getByText('Group call, 3 here').waitFor(slow);
  });
});
