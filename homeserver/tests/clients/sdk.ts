import {
  ClientEvent,
  createClient,
  MatrixError,
  type ICreateClientOpts,
  type IStartClientOpts,
  type LoginResponse,
  type MatrixClient,
} from 'matrix-js-sdk';
import type { Logger } from 'matrix-js-sdk/lib/logger.js';
import type { TestServer } from '../../src/testing/create-test-server.ts';
import { checkContract } from '../../src/testing/test-contract.ts';

const PATIENCE_MS = 20_000;

const silent: Logger = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  getChild: () => silent,
};

/** Clients of matrix-js-sdk on a test server, and what the specification says about the answers they got. */
export interface Sdk {
  /** Answers the specification does not allow, and 5xx; the SDK swallows errors of its sync loop, so tests look here. */
  readonly problems: readonly string[];
  /** How many answers were looked at. */
  readonly seen: () => number;
  client(options?: Partial<ICreateClientOpts>): MatrixClient;
  /** Registers with the SDK, as a client that knows the server asks no more than a dummy stage. */
  register(localpart: string, options?: Partial<ICreateClientOpts>): Promise<MatrixClient>;
  logIn(localpart: string, password?: string): Promise<LoginResponse>;
  /** Stops every client. */
  stop(): void;
}

export const PASSWORD = 'correct horse battery staple';

export type SdkOptions = {
  /** How connections are made, for servers with certificates of a test authority. */
  readonly dispatcher?: object;
  /** Whether answers are checked against the specification. */
  readonly isChecked?: boolean;
};

const requestOf = (resource: Parameters<typeof fetch>[0]): URL =>
  new URL(resource instanceof Request ? resource.url : resource);

/** The SDK against this server, with each of its answers checked against the specification. */
export const sdkFor = (
  server: Pick<TestServer, 'url'>,
  { dispatcher, isChecked = true }: SdkOptions = {},
): Sdk => {
  const problems: string[] = [];
  const clients: MatrixClient[] = [];
  let seen = 0;
  const fetchFn: typeof fetch = async (resource, options) => {
    const response = await fetch(
      resource,
      dispatcher === undefined ? options : Object.assign({}, options, { dispatcher }),
    );
    if (!isChecked) return response;
    const { pathname, search } = requestOf(resource);
    const method = options?.method ?? 'GET';
    const contentType = response.headers.get('content-type') ?? undefined;
    if (response.status >= 500) problems.push(`${method} ${pathname} answered ${response.status}`);
    const text = await response.clone().text();
    const isJson = contentType?.startsWith('application/json') ?? false;
    try {
      const body: unknown = isJson && text !== '' ? JSON.parse(text) : text;
      checkContract({ method, path: pathname + search, status: response.status, contentType, body });
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    seen++;
    return response;
  };
  const client: Sdk['client'] = (options = {}) => {
    const made = createClient({
      baseUrl: server.url,
      fetchFn,
      logger: silent,
      disableVoip: true,
      ...options,
    });
    clients.push(made);
    return made;
  };
  return {
    problems,
    seen: () => seen,
    client,
    register: async (localpart, options = {}) => {
      const answer = await client().register(localpart, PASSWORD, null, { type: 'm.login.dummy' });
      return client({
        userId: answer.user_id,
        ...(answer.device_id === undefined ? {} : { deviceId: answer.device_id }),
        ...(answer.access_token === undefined ? {} : { accessToken: answer.access_token }),
        ...options,
      });
    },
    logIn: (localpart, password = PASSWORD) =>
      client().loginRequest({
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: localpart },
        password,
      }),
    stop: () => {
      for (const each of clients) each.stopClient();
    },
  };
};

/** Resolves when `check` holds after a sync of this client, at once if it holds already. */
export const synced = async <T>(
  client: MatrixClient,
  what: string,
  check: () => T | null | undefined | false,
): Promise<T> => {
  const now = check();
  if (now !== null && now !== undefined && now !== false) return now;
  return new Promise<T>((resolve, reject) => {
    const done = () => {
      client.off(ClientEvent.Sync, look);
      clearTimeout(timer);
    };
    const look = () => {
      const value = check();
      if (value === null || value === undefined || value === false) return;
      done();
      resolve(value);
    };
    const timer = setTimeout(() => {
      done();
      reject(new Error(`${client.getUserId()} did not see within ${PATIENCE_MS} ms: ${what}`));
    }, PATIENCE_MS);
    client.on(ClientEvent.Sync, look);
  });
};

/** Starts syncing and resolves after the first sync. */
export const started = async (
  client: MatrixClient,
  options: IStartClientOpts = {},
): Promise<MatrixClient> => {
  await client.startClient({ threadSupport: true, ...options });
  await synced(client, 'its first sync', () => client.isInitialSyncComplete());
  return client;
};

/** The status and errcode a request of the SDK was refused with, such as `403 M_FORBIDDEN`. */
export const refusal = async (request: Promise<unknown>): Promise<string> => {
  try {
    await request;
  } catch (error) {
    if (error instanceof MatrixError) return `${error.httpStatus} ${error.errcode}`;
    throw error;
  }
  return 'allowed';
};
