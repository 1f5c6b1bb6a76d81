/** The timeline's contract (client.md section 3), through the real rows in a real browser. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import type { ViteDevServer } from 'vite';
import { chromiumPath, launch, serve } from './browser.ts';

const total = 10_000;
const windowSize = 500;

describe.skipIf(chromiumPath === undefined)('timeline list', () => {
  let browser: Browser;
  let page: Page;
  let server: ViteDevServer;

  beforeAll(async () => {
    const served = await serve(new URL('./timeline-page', import.meta.url).pathname);
    server = served.server;
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 900, height: 700 } });
    page.on('pageerror', (error) => console.error('page error', error));
    await page.goto(served.url);
    await page.waitForFunction(
      () => 'contract' in window && document.querySelector('.scroller') !== null,
      undefined,
      {
        timeout: 90_000,
      },
    );
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  /** Waits until scrollTop and row positions have not changed for five frames. */
  const still = (): Promise<void> =>
    page.evaluate(async () => {
      const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));
      const mark = (): string =>
        `${document.querySelector('.scroller')?.scrollTop}|${[...document.querySelectorAll<HTMLElement>('.row')].map((row) => row.style.transform).join()}`;
      let calm = 0;
      let last = mark();
      for (let n = 0; n < 400 && calm < 5; n += 1) {
        await frame();
        const next = mark();
        calm = next === last ? calm + 1 : 0;
        last = next;
      }
    });

  const show = async (from: number, to: number): Promise<void> => {
    await page.evaluate(
      ([a, b]) => {
        const { contract } = window;
        contract.onNearStart(undefined);
        contract.height.value = '100%';
        contract.width.value = '100%';
        contract.items.value = contract.makeItems(a, b);
        contract.list.value?.scrollToEnd();
      },
      [from, to] as const,
    );
    await still();
  };

  const bottomGap = (): Promise<number> =>
    page.evaluate(() => {
      const scroller = window.contract.scroller();
      return scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
    });

  /**
   * The largest movement of the row at the top of the viewport while `change` happens and for 60 frames after it. The
   * rectangle is taken before the change; a layout-shift score would miss what transforms move.
   */
  const drift = async <A>(change: (arg: A) => void, arg: A): Promise<number> => {
    await page.evaluate(() => {
      const top = window.contract.scroller().getBoundingClientRect().top;
      const row = [...document.querySelectorAll<HTMLElement>('.row')].find(
        (one) => one.getBoundingClientRect().bottom > top + 1 && one.querySelector('.message') !== null,
      );
      if (row === undefined) throw new Error('no row on screen');
      const key = row.dataset.key ?? '';
      const before = row.getBoundingClientRect().top;
      const record = { worst: 0, frames: 0 };
      const tick = (): void => {
        const now = document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.getBoundingClientRect().top;
        record.worst = Math.max(record.worst, Math.abs((now ?? Number.POSITIVE_INFINITY) - before));
        record.frames += 1;
        requestAnimationFrame(tick);
      };
      Object.assign(window, { record });
      requestAnimationFrame(tick);
    });
    await page.evaluate(change as (arg: unknown) => void, arg);
    const from = await page.evaluate(
      () => (window as unknown as { record: { frames: number } }).record.frames,
    );
    await page.waitForFunction(
      (frames) => (window as unknown as { record: { frames: number } }).record.frames >= frames + 60,
      from,
    );
    return page.evaluate(() => (window as unknown as { record: { worst: number } }).record.worst);
  };

  const wheelUp = async (pixels: number): Promise<void> => {
    await page.mouse.move(450, 350);
    for (let done = 0; done < pixels; done += 100) await page.mouse.wheel(0, -100);
    await still();
  };

  beforeEach(async () => {
    await show(total - windowSize, total);
  });

  it('opens at the end, and stays there when messages come and pictures grow', async () => {
    expect(await bottomGap()).toBeLessThanOrEqual(1);
    for (let n = 0; n < 5; n += 1) {
      await page.evaluate(
        ([a, b]) => {
          window.contract.items.value = window.contract.makeItems(a, b);
        },
        [total - windowSize, total + 1 + n * 3] as const,
      );
      await still();
      expect(await bottomGap()).toBeLessThanOrEqual(1);
    }
    await page.evaluate(() => {
      for (const picture of document.querySelectorAll<HTMLElement>('.rich'))
        picture.style.paddingBottom = '37px';
    });
    await still();
    expect(await bottomGap()).toBeLessThanOrEqual(1);
  });

  it('stays at the end when the composer grows and the window narrows', async () => {
    await page.evaluate(() => {
      window.contract.height.value = '55%';
    });
    await still();
    expect(await bottomGap()).toBeLessThanOrEqual(1);
    await page.evaluate(() => {
      window.contract.width.value = '380px';
    });
    await still();
    expect(await bottomGap()).toBeLessThanOrEqual(1);
    await page.evaluate(() => {
      window.contract.height.value = '100%';
      window.contract.width.value = '100%';
    });
    await still();
    expect(await bottomGap()).toBeLessThanOrEqual(1);
  });

  it('does not move what is read when older messages are prepended', async () => {
    await wheelUp(2_000);
    for (const from of [9_440, 9_380, 9_200]) {
      const moved = await drift((start) => {
        window.contract.items.value = window.contract.makeItems(start, 10_000);
      }, from);
      expect(moved).toBeLessThanOrEqual(1);
    }
  });

  it('does not move what is read when messages are appended', async () => {
    await wheelUp(1_500);
    const moved = await drift((start) => {
      window.contract.items.value = window.contract.makeItems(start, 10_040);
    }, total - windowSize);
    expect(moved).toBeLessThanOrEqual(1);
  });

  it('does not move what is read when pictures above it grow late', async () => {
    await wheelUp(3_000);
    const moved = await drift(() => {
      const top = window.contract.scroller().getBoundingClientRect().top;
      for (const row of document.querySelectorAll('.row')) {
        if (row.getBoundingClientRect().bottom >= top || !(row.firstElementChild instanceof HTMLElement))
          continue;
        row.firstElementChild.style.paddingBottom = '61px';
      }
    }, undefined);
    expect(moved).toBeLessThanOrEqual(1);
  });

  it('keeps the row that is read at the top when the width changes', async () => {
    await wheelUp(4_000);
    const at = await page.evaluate(() => {
      const top = window.contract.scroller().getBoundingClientRect().top;
      const row = [...document.querySelectorAll<HTMLElement>('.row')].find(
        (one) => one.getBoundingClientRect().top >= top && one.querySelector('.message') !== null,
      );
      return { key: row?.dataset.key ?? '', top: row?.getBoundingClientRect().top ?? 0 };
    });
    // The row above the first whole one is cut by the edge: its part above the edge may change with its height.
    const cut = await page.evaluate((key) => {
      const row = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
      const previous = row?.previousElementSibling;
      return previous?.getBoundingClientRect().height ?? 0;
    }, at.key);
    await page.evaluate(() => {
      window.contract.width.value = '420px';
    });
    await still();
    const after = await page.evaluate((key) => {
      const row = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
      return {
        top: row?.getBoundingClientRect().top ?? Number.NaN,
        cut: row?.previousElementSibling?.getBoundingClientRect().height ?? 0,
      };
    }, at.key);
    expect(Math.abs(after.top - at.top - (after.cut - cut))).toBeLessThanOrEqual(2);
  });

  it('keeps a 3,000 px wheel gesture while older pages arrive', async () => {
    const before = await page.evaluate(() => {
      const { contract } = window;
      let from = 9_500;
      contract.onNearStart(() => {
        if (from <= 9_000) return;
        from -= 60;
        contract.items.value = contract.makeItems(from, 10_000);
      });
      const scroller = window.contract.scroller();
      return { top: scroller.scrollTop };
    });
    expect(before.top).toBeGreaterThan(5_000);
    // Start two viewports and a bit below the top, so that pages arrive in the middle of the gesture.
    await page.evaluate(() => {
      const { contract } = window;
      void contract.list.value?.scrollToKey(contract.items.value[40]?.key ?? '');
    });
    await still();
    const start = await page.evaluate(() => {
      const top = window.contract.scroller().getBoundingClientRect().top;
      const row = [...document.querySelectorAll<HTMLElement>('.row')].find(
        (one) => one.getBoundingClientRect().bottom > top + 1 && one.querySelector('.message') !== null,
      );
      return { key: row?.dataset.key ?? '', top: row?.getBoundingClientRect().top ?? 0 };
    });
    await page.mouse.move(450, 350);
    for (let n = 0; n < 30; n += 1) {
      await page.mouse.wheel(0, -100);
      if (n % 6 === 0) {
        await page.evaluate(
          (from) => {
            window.contract.items.value = window.contract.makeItems(from, 10_000);
          },
          9_480 - n * 8,
        );
      }
    }
    await still();
    // How far the list moved, in the list's own coordinates, from the offsets of the row that stood at the top.
    const moved = await page.evaluate(async (key) => {
      const scroller = window.contract.scroller();
      const { contract } = window;
      const top = scroller.scrollTop;
      const sum = (until: string): number => {
        let offset = 0;
        for (const item of contract.items.value) {
          if (item.key === until) return offset;
          offset += contract.sizes.get(item.key) ?? contract.estimateHeight(item, scroller.clientWidth);
        }
        return Number.NaN;
      };
      return sum(key) - top;
    }, start.key);
    expect(moved - start.top).toBeGreaterThanOrEqual(0.99 * 3_000);
    expect(moved - start.top).toBeLessThanOrEqual(1.01 * 3_000 + 30);
  });

  it('unsticks on upward movement only, and sticks again at the end', async () => {
    await wheelUp(300);
    expect(await bottomGap()).toBeGreaterThan(200);
    await page.evaluate(() => {
      window.contract.items.value = window.contract.makeItems(9_500, 10_005);
    });
    await still();
    expect(await bottomGap()).toBeGreaterThan(200);
    for (let n = 0; n < 30; n += 1) await page.mouse.wheel(0, 100);
    await still();
    expect(await bottomGap()).toBeLessThanOrEqual(1);
    await page.evaluate(() => {
      window.contract.items.value = window.contract.makeItems(9_500, 10_020);
    });
    await still();
    expect(await bottomGap()).toBeLessThanOrEqual(1);
  });

  it('has its rows in reading order in the document', async () => {
    await wheelUp(2_500);
    const ordered = await page.evaluate(() => {
      const tops = [...document.querySelectorAll<HTMLElement>('.row')].map(
        (row) => row.getBoundingClientRect().top,
      );
      return tops.length > 5 && tops.every((top, index) => index === 0 || top >= (tops[index - 1] ?? 0));
    });
    expect(ordered).toBe(true);
  });

  it('knows the height of every kind of row exactly once it was shown', async () => {
    const wrong: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      await wheelUp(1_500);
      wrong.push(
        ...(await page.evaluate(() =>
          [...document.querySelectorAll<HTMLElement>('.row')].flatMap((row) => {
            const known = window.contract.sizes.get(row.dataset.key ?? '') ?? -1;
            const real = row.getBoundingClientRect().height;
            return Math.abs(known - real) < 1 ? [] : [`${row.dataset.key}: ${known} for ${real}`];
          }),
        )),
      );
    }
    expect(wrong).toEqual([]);
  });

  it('scrolls 2,000 rows at 34 ms a frame or better', async () => {
    // The 95th percentile is judged in the long run, on a quiet machine; among other tests only the median means anything.
    const share = process.env.NYX_TEST_LONG === undefined ? 0.5 : 0.95;
    const measure = async (): Promise<number> => {
      await show(8_000, 10_000);
      await page.mouse.move(450, 350);
      await page.evaluate(() => {
        const run = { times: [] as number[], on: true };
        let last = performance.now();
        const tick = (now: number): void => {
          run.times.push(now - last);
          last = now;
          if (run.on) requestAnimationFrame(tick);
        };
        Object.assign(window, { run });
        requestAnimationFrame(tick);
      });
      for (let n = 0; n < 60; n += 1) await page.mouse.wheel(0, -240);
      const times = await page.evaluate(() => {
        const { run } = window as unknown as { run: { times: number[]; on: boolean } };
        run.on = false;
        return run.times;
      });
      const sorted = times.slice(1).sort((a, b) => a - b);
      return sorted[Math.floor(sorted.length * share)] ?? Number.POSITIVE_INFINITY;
    };
    // Other work on the machine only ever adds time: the best of three is nearest to the component's own.
    const runs = [await measure(), await measure(), await measure()];
    console.log(
      `frame times (share ${share}) of three runs: ${runs.map((ms) => ms.toFixed(1)).join(', ')} ms`,
    );
    expect(Math.min(...runs)).toBeLessThanOrEqual(34);
  });

  it('shows rows wherever one lands in 10,000 of them', async () => {
    await show(0, total);
    for (const key of ['$e50', '$e5003', '$e9001', '$e2502']) {
      await page.evaluate((target) => window.contract.list.value?.scrollToKey(target), key);
      await still();
      const seen = await page.evaluate((target) => {
        const row = document.querySelector(`[data-key="${CSS.escape(target)}"]`);
        const rect = row?.getBoundingClientRect();
        return rect !== undefined && rect.top >= 0 && rect.top < window.innerHeight;
      }, key);
      expect(seen, key).toBe(true);
    }
  });
});
