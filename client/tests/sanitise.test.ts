/** What formatted messages may become, in a real browser's parser: data for our own renderer, never HTML. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import type { ViteDevServer } from 'vite';
import type { RichNode } from '../src/composables/timeline/rich-text.ts';
import { chromiumPath, launch, serve } from './browser.ts';

describe.skipIf(chromiumPath === undefined)('sanitise', () => {
  let browser: Browser;
  let page: Page;
  let server: ViteDevServer;

  beforeAll(async () => {
    const served = await serve(new URL('./timeline-page', import.meta.url).pathname);
    server = served.server;
    browser = await launch();
    page = await browser.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => 'contract' in window, undefined, { timeout: 90_000 });
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  const clean = (html: string): Promise<RichNode[]> =>
    page.evaluate((text) => window.contract.sanitise(text), html);

  const text = (nodes: readonly RichNode[]): string =>
    nodes.map((node) => ('text' in node ? node.text : text(node.children))).join('');
  const flat = (nodes: readonly RichNode[]): Extract<RichNode, { tag: string }>[] =>
    nodes.flatMap((node) => ('text' in node ? [] : [node, ...flat(node.children)]));

  it('keeps what the specification lists', async () => {
    const nodes = await clean(
      '<h3>T</h3><p><b>b</b> <em>e</em> <del>d</del> <code>c</code></p><ol start="4"><li>x</li></ol><blockquote>q</blockquote>' +
        '<pre><code class="language-js">let a</code></pre><a href="https://x.org/a?b#c">link</a><span data-mx-spoiler="why">s</span>',
    );
    const tags = flat(nodes).map(({ tag }) => tag);
    for (const tag of ['h3', 'p', 'b', 'em', 'del', 'code', 'ol', 'li', 'blockquote', 'pre', 'a', 'span'])
      expect(tags).toContain(tag);
    expect(flat(nodes).find(({ tag }) => tag === 'ol')?.attrs).toEqual({ start: '4' });
    expect(flat(nodes).find(({ tag }) => tag === 'a')?.attrs).toEqual({ href: 'https://x.org/a?b#c' });
    expect(flat(nodes).find(({ tag }) => tag === 'span')?.attrs).toEqual({ 'data-mx-spoiler': 'why' });
  });

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg onload=alert(1)><script>alert(1)</script></svg>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<object data="x"></object><embed src="x"><link rel=stylesheet href=x><meta http-equiv=refresh content=0>',
    '<style>*{display:none}</style>',
    '<form action=x><input name=a><button>b</button></form>',
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
    '<template><img src=x onerror=alert(1)></template>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '<b style="position:fixed" class="x" id="y" onclick="alert(1)" tabindex=1>bold</b>',
  ])('drops what could act or look like ours: %s', async (html) => {
    for (const { tag, attrs } of flat(await clean(html))) {
      expect([
        'script',
        'svg',
        'iframe',
        'object',
        'embed',
        'link',
        'meta',
        'style',
        'form',
        'input',
        'button',
        'math',
        'template',
        'noscript',
      ]).not.toContain(tag);
      expect(
        Object.keys(attrs).filter(
          (name) => !['href', 'start', 'alt', 'color'].includes(name) && !name.startsWith('data-mx-'),
        ),
      ).toEqual([]);
    }
  });

  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\tscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:x',
    '//evil.example',
  ])('follows no address of another kind: %s', async (address) => {
    for (const { attrs } of flat(await clean(`<a href="${address}">x</a>`)))
      expect(attrs.href).toBe(undefined);
  });

  it('cuts depth and count, and answers soon', async () => {
    const before = process.cpuUsage();
    const deep = await clean('<blockquote>'.repeat(50_000) + 'bottom');
    const wide = await clean('<p>x</p>'.repeat(50_000));
    const depth = (nodes: readonly RichNode[]): number =>
      Math.max(0, ...nodes.map((node) => ('text' in node ? 0 : 1 + depth(node.children))));
    expect(depth(deep)).toBeLessThanOrEqual(31);
    expect(flat(wide).length).toBeLessThanOrEqual(3_000);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(15_000);
  });

  it('keeps the words of what it does not render', async () => {
    expect(text(await clean('<marquee>moving</marquee> <blink>words</blink> &lt;b&gt; &amp;'))).toBe(
      'moving words <b> &',
    );
  });
});
