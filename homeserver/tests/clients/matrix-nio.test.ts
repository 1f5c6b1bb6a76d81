import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { thisMachine } from '../../src/services/start-services.ts';
import { pythonEnvironment } from '../../src/services/tools.ts';
import { createTestServer, type TestServer } from '../../src/testing/create-test-server.ts';
import { checkContract } from '../../src/testing/test-contract.ts';

/** The newest release; kept with what it needs in an environment of its own, outside the checkout. */
const NIO = ['matrix-nio==0.26.0'];

const machine = thisMachine((line) => console.warn(line));
const python = await pythonEnvironment(NIO, machine).catch((error: unknown) => {
  console.warn(`skipped: no matrix-nio here: ${error instanceof Error ? error.message : String(error)}`);
  return undefined;
});

let server: TestServer;
const problems: string[] = [];
const seen = new Set<string>();
/** Stands between the client and the server, and holds every answer against the specification. */
const between = createServer((request, response) => {
  const pass = async (): Promise<void> => {
    const { method = 'GET', url = '/', headers } = request;
    const body = await buffer(request);
    const kept = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' && !HOP_BY_HOP.has(name) ? [[name, value]] : [],
    );
    const answer = await fetch(server.url + url, {
      method,
      headers: kept,
      ...(method === 'GET' ? {} : { body }),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const contentType = answer.headers.get('content-type') ?? undefined;
    const isJson = contentType?.startsWith('application/json') === true && bytes.length > 0;
    const path = url.split('?')[0] ?? '';
    seen.add(`${method} ${path}`);
    try {
      const parsed: unknown = isJson ? JSON.parse(bytes.toString()) : bytes.toString('latin1');
      checkContract({ method, path, status: answer.status, contentType, body: parsed });
      if (answer.status >= 500) problems.push(`${method} ${path}: ${answer.status}`);
    } catch (error) {
      problems.push(String(error));
    }
    response.writeHead(answer.status, {
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      'content-disposition': answer.headers.get('content-disposition') ?? 'inline',
      'content-length': bytes.length,
    });
    response.end(bytes);
  };
  pass().catch((error: unknown) => {
    problems.push(String(error));
    response.destroy();
  });
});

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'accept-encoding',
  'expect',
]);

beforeAll(async () => {
  if (python === undefined) return;
  server = await createTestServer();
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
}, 120_000);
afterAll(async () => {
  if (python === undefined) return;
  between.closeAllConnections();
  between.close();
  await server.close();
});

it.skipIf(python === undefined)(
  'goes with matrix-nio through accounts, rooms, sync, messages, redaction, receipts, search and media',
  { timeout: 180_000 },
  async () => {
    const url = `http://127.0.0.1:${(between.address() as AddressInfo).port}`;
    const script = join(import.meta.dirname, 'matrix_nio_session.py');
    const child = spawn(python ?? '', ['-I', script, url], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [output, errors] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    expect([child.exitCode, output.trim()], errors).toEqual([0, 'done']);
    expect(problems).toEqual([]);
    expect(seen.size).toBeGreaterThan(20);
  },
);
