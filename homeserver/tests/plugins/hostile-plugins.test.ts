import { expect, test } from 'vitest';
import { configSchema } from '@nyx/config/schema.ts';
import { loadPlugins } from '../../src/plugins/load-plugins.ts';
import { PluginHost } from '../../src/plugins/plugin-host.ts';
import { PluginProcess } from '../../src/plugins/plugin-process.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { pluginFolder } from './plugin-folder.ts';

const TIMEOUT_MS = 300;

/** A plugin whose check of uploads runs `body`, in a process of its own. */
const hostile = async (body: string, { onFailure = 'open', setup = '' } = {}) => {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(
    pluginFolder(
      `import { readFileSync, writeFileSync } from 'node:fs';
       import { spawn } from 'node:child_process';
       export const plugin = { setup: async (context) => {
         ${setup}
         context.check('checkUpload', async (input) => {
           if (input.userId === '@calm:x') return { allow: true };
           ${body}
           return { allow: true };
         });
       } };`,
      {
        contributes: { server: { checks: { checkUpload: {} } } },
        permissions: ['server:media'],
      },
    ),
  );
  const config = configSchema.parse({
    plugins: {
      load: [{ path: folder.path, hooks: { checkUpload: { onFailure, timeout: TIMEOUT_MS } } }],
    },
  });
  const [loaded] = loadPlugins(config.plugins);
  if (loaded === undefined) throw new Error('not loaded');
  const lines: Record<string, unknown>[] = [];
  const process = stack.use(
    new PluginProcess({
      plugin: loaded,
      serverName: 'x',
      maxMemoryMegabytes: 64,
      maxCalls: 4,
      serve: () => null,
      logger: createLogger('debug', { write: (line) => void lines.push(JSON.parse(line)) }),
      monotonic: () => performance.now(),
    }),
  );
  const outcomes: string[] = [];
  const host = new PluginHost([{ loaded, process }], ({ outcome }) => void outcomes.push(outcome));
  await process.start();
  return {
    process,
    outcomes,
    check: async (userId = '@eve:x') => host.check('checkUpload', () => ({ userId })),
    reasons: () => lines.filter(({ msg }) => msg === 'plugin failed').map(({ reason }) => String(reason)),
    printed: () => lines.filter(({ msg }) => msg === 'plugin output').map(({ printed }) => String(printed)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

/** Milliseconds that `work` takes. */
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};

/** What a busy machine may add to a limit, in ms. */
const SLACK_MS = 1_500;

test.each([
  ['crashes', 'process.exit(1);', /ended with 1/],
  [
    'throws where nobody catches',
    'setTimeout(() => { throw new Error("x"); }); await new Promise(() => {});',
    /ended with 1/,
  ],
  ['writes garbage', 'process.stdout.write("}{ garbage\\n"); await new Promise(() => {});', /no JSON/],
  [
    'answers what nobody asked',
    `process.stdout.write('{"jsonrpc":"2.0","id":999,"result":1}\\n'); await new Promise(() => {});`,
    /not made/,
  ],
  [
    'sends a giant message',
    'process.stdout.write("x".repeat(3_000_000)); await new Promise(() => {});',
    /larger than the limit/,
  ],
  [
    'floods with messages',
    `const line = '{"jsonrpc":"2.0","method":"log","params":{}}\\n'.repeat(2_000);
     const pour = () => process.stdout.write(line, pour); pour(); await new Promise(() => {});`,
    /floods/,
  ],
  ['fills its heap', 'const all = []; for (;;) all.push(new Array(10_000).fill(all.length));', /ended with/],
  [
    'fills buffers',
    'const all = []; setInterval(() => all.push(Buffer.alloc(67_108_864, 1)), 50); await new Promise(() => {});',
    /memory|ended with/,
  ],
])('a plugin that %s costs its limit, is ended and comes back', async (_what, body, reason) => {
  await using plugin = await hostile(body);
  expect(await timed(() => plugin.check())).toBeLessThan(TIMEOUT_MS + SLACK_MS);
  await expect.poll(plugin.reasons).toContainEqual(expect.stringMatching(reason));
  await expect.poll(() => plugin.process.state).toBe('active');
  const before = plugin.outcomes.length;
  await plugin.check('@calm:x');
  expect(plugin.outcomes.slice(before)).toEqual(['ok']);
});

test('a plugin that hangs costs its limit three times, then nothing until it is back', async () => {
  await using plugin = await hostile('for (;;);');
  const first = await timed(async () => {
    for (let n = 0; n < 3; n++) await plugin.check();
  });
  expect(first).toBeGreaterThanOrEqual(3 * TIMEOUT_MS - 10);
  expect(first).toBeLessThan(3 * TIMEOUT_MS + SLACK_MS);
  expect(plugin.reasons()).toEqual(['it is stuck']);
  expect(plugin.process.state).toBe('down');
  await plugin.check();
  expect(plugin.outcomes).toEqual(['timeout', 'timeout', 'timeout', 'down']);
  await expect.poll(() => plugin.process.state).toBe('active');
});

test('calls beyond the number that may be under way fail at once', async () => {
  await using plugin = await hostile('await new Promise(() => {});');
  const waiting = Array.from({ length: 4 }, () => plugin.check());
  await plugin.check();
  expect(plugin.outcomes).toEqual(['busy']);
  await Promise.all(waiting);
});

test('a failing check refuses where the operator wants that', async () => {
  await using plugin = await hostile('return { allow: "maybe" };', { onFailure: 'closed' });
  await expect(plugin.check()).rejects.toMatchObject({ code: 'unavailable' });
  await plugin.check('@calm:x');
});

test('a plugin that fails to start is tried again, with growing pauses, and holds nobody up', async () => {
  await using plugin = await hostile('', { setup: 'throw new Error("no");' });
  expect(plugin.process.state).toBe('down');
  expect(await timed(() => plugin.check())).toBeLessThan(TIMEOUT_MS);
  await expect.poll(() => plugin.reasons().length).toBeGreaterThanOrEqual(2);
  expect(plugin.reasons()[0]).toBe('setup failed: no');
});

test('what a plugin prints is bounded', async () => {
  await using plugin = await hostile('for (let n = 0; n < 50_000; n++) console.log("x".repeat(100));');
  await plugin.check();
  await expect.poll(() => plugin.printed().length).toBeGreaterThan(0);
  expect(plugin.printed().join('').length).toBeLessThan(200_000);
});

test('a plugin gets no environment, and reaches neither files nor programs', async () => {
  await using plugin = await hostile(`
    const tries = {
      environment: () => { if (Object.keys(process.env).length === 0) throw new Error(); },
      read: () => readFileSync('/etc/hostname'),
      write: () => writeFileSync('/tmp/nyx-plugin-was-here', ''),
      run: () => spawn('/bin/true'),
    };
    for (const [name, attempt] of Object.entries(tries)) {
      try { attempt(); console.log('reached ' + name); } catch { console.log('refused ' + name); }
    }`);
  await plugin.check();
  await expect
    .poll(() => plugin.printed().sort())
    .toEqual(['refused environment', 'refused read', 'refused run', 'refused write']);
});
