import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Koa from 'koa';
import { expect, it } from 'vitest';
import type { RequestState } from './state.ts';
import { webClient } from './web-client.ts';

it('lets a page wait for the client that is being built, and the API not', async () => {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'nyx-client-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const build = Promise.withResolvers<undefined>();
  const app = new Koa<RequestState>();
  app.use(webClient(root, build.promise));
  app.use((context) => {
    context.body = 'not the client';
  });
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
  stack.defer(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  let arrived = 0;
  const text = async (path: string): Promise<string> => {
    const answer = await (await fetch(url + path)).text();
    arrived += 1;
    return answer;
  };
  const page = text('/');
  expect(await text('/_matrix/client/versions')).toBe('not the client');
  expect(arrived).toBe(1);
  await writeFile(join(root, 'index.html'), '<!doctype html>');
  build.resolve(undefined);
  expect(await page).toBe('<!doctype html>');
});
