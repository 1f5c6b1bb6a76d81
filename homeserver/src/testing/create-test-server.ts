import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config, ConfigInput } from '@nyx/config/schema.ts';
import { configSchema } from '@nyx/config/schema.ts';
import { Secret } from '@nyx/config/secret.ts';
import { createLogger } from '../observability/logger.ts';
import { systemPlatform } from '../main.ts';
import type { Platform } from '../ports/platform.ts';
import type { NyxServer } from '../server.ts';
import { createServer } from '../server.ts';
import { checkContract } from './test-contract.ts';
import type { TestServices } from './services.ts';
import { testServices } from './services.ts';

export type TestRequest = {
  readonly token?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly rawBody?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers that are known not to follow the specification, such as deliberate junk, are not checked. */
  readonly unchecked?: boolean;
  readonly signal?: AbortSignal;
};

export type TestResponse = {
  readonly status: number;
  // Tests look into answers freely; what does not fit fails them.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
  readonly headers: Headers;
};

/** A user who is logged in. */
export interface TestUser {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
  readonly password: string;
  /** A request with this user's access token. */
  request(method: string, path: string, options?: TestRequest): Promise<TestResponse>;
  /** The same with a JSON body; fails unless the answer is 200, and returns its body. */
  ok(method: string, path: string, body?: unknown): Promise<TestResponse['body']>;
}

export interface TestServer extends AsyncDisposable {
  /** Where it listens, `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly config: Config;
  readonly server: NyxServer;
  readonly services: TestServices;
  /** Lines of the log, parsed. */
  readonly logLines: readonly Record<string, unknown>[];
  request(method: string, path: string, options?: TestRequest): Promise<TestResponse>;
  /** A fresh user and a logged-in device. */
  register(localpart: string, options?: { readonly deviceId?: string }): Promise<TestUser>;
  /** Another device of a user. */
  login(user: TestUser, deviceId?: string): Promise<TestUser>;
  close(): Promise<void>;
}

export type TestServerOptions = {
  readonly config?: ConfigInput;
  readonly platform?: Partial<Platform>;
  /** Shares the database, Redis and data folder of another server: a second process of the same homeserver. */
  readonly sameAs?: TestServer;
};

const configFor = (options: TestServerOptions, services: TestServices, dataDir: string): Config => {
  const { config: given = {} } = options;
  const parsed = configSchema.parse({
    ...given,
    server: {
      bind: ['127.0.0.1'],
      port: 0,
      dataDir,
      shutdownGrace: '2s',
      webClient: { enabled: false },
      ...given.server,
    },
    registration: { open: true, minPasswordLength: 1, ...given.registration },
    rateLimits: { enabled: false, ...given.rateLimits },
    federation: { allowPrivateAddresses: true, ...given.federation },
    database: { name: services.databaseName, ...given.database },
    redis: { keyPrefix: services.redisPrefix, ...given.redis },
  });
  return {
    ...parsed,
    database: { ...parsed.database, uri: new Secret(services.mongoUri) },
    redis: { ...parsed.redis, uri: new Secret(services.redisUri) },
  };
};

const send = async (
  url: string,
  method: string,
  path: string,
  options: TestRequest = {},
): Promise<TestResponse> => {
  const { token, body, rawBody, headers = {}, unchecked = false, signal } = options;
  const payload = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    redirect: 'manual',
    ...(payload === undefined ? {} : { body: typeof payload === 'string' ? payload : Buffer.from(payload) }),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const contentType = response.headers.get('content-type') ?? undefined;
  const isJson = contentType?.startsWith('application/json') ?? false;
  const parsed: unknown = isJson && text !== '' ? JSON.parse(text) : text;
  if (!unchecked) checkContract({ method, path, status: response.status, contentType, body: parsed });
  return { status: response.status, body: parsed, headers: response.headers };
};

const userOn = (url: string, login: Record<string, string>, password: string): TestUser => {
  const token = login.access_token ?? '';
  const request: TestUser['request'] = (method, path, options = {}) =>
    send(url, method, path, { token, ...options });
  return {
    userId: login.user_id ?? '',
    deviceId: login.device_id ?? '',
    token,
    password,
    request,
    ok: async (method, path, body) => {
      const answer = await request(method, path, body === undefined ? {} : { body });
      if (answer.status === 200) return answer.body;
      throw new Error(`${method} ${path} answered ${answer.status} ${JSON.stringify(answer.body)}`);
    },
  };
};

/** A log that is kept instead of written. */
const keptLog = (): { readonly lines: Record<string, unknown>[]; readonly logger: Platform['logger'] } => {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('debug', {
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  return { lines, logger };
};

/**
 * A whole homeserver in this process, on the run's MongoDB and Redis, with a database of its own. Rate limits are off
 * and registration is open unless `config` says otherwise. Every answer is checked against the specification.
 */
export const createTestServer = async (options: TestServerOptions = {}): Promise<TestServer> => {
  const { sameAs } = options;
  await using stack = new AsyncDisposableStack();
  const services = sameAs?.services ?? stack.use(testServices());
  const dataDir = sameAs?.config.server.dataDir ?? mkdtempSync(join(tmpdir(), 'nyx-data-'));
  if (sameAs === undefined) stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const config = configFor(
    sameAs === undefined
      ? options
      : { ...options, config: { server: { name: sameAs.config.server.name }, ...options.config } },
    services,
    dataDir,
  );
  const { lines, logger } = keptLog();
  const server = stack.use(
    await createServer(config, { ...(await systemPlatform(config, 'stderr')), logger, ...options.platform }),
  );
  const [url = ''] = await server.listen();
  const kept = stack.move();
  const password = 'correct horse battery staple';
  const close = () => kept.disposeAsync();
  return {
    url,
    config,
    server,
    services,
    logLines: lines,
    request: (method, path, request) => send(url, method, path, request),
    register: async (localpart, { deviceId } = {}) => {
      const body = {
        username: localpart,
        password,
        auth: { type: 'm.login.dummy' },
        ...(deviceId === undefined ? {} : { device_id: deviceId }),
      };
      const answer = await send(url, 'POST', '/_matrix/client/v3/register', { body });
      if (answer.status !== 200)
        throw new Error(`register ${localpart}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return userOn(url, answer.body as Record<string, string>, password);
    },
    login: async (user, deviceId) => {
      const body = {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: user.userId },
        password: user.password,
        ...(deviceId === undefined ? {} : { device_id: deviceId }),
      };
      const answer = await send(url, 'POST', '/_matrix/client/v3/login', { body });
      if (answer.status !== 200) throw new Error(`login: ${answer.status} ${JSON.stringify(answer.body)}`);
      return userOn(url, answer.body as Record<string, string>, user.password);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
};
