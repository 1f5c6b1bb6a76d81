import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Config } from '@nyx/config/schema.ts';
import type { Context } from './context.ts';
import { createContext } from './context.ts';
import type { AppDeps } from './http/app.ts';
import { createApp } from './http/app.ts';
import { addressMatcher, clientAddress } from './http/client-address.ts';
import { QUEUE_PAGE_PATH, queuePage } from './http/operator/queue-page.ts';
import type { Route } from './http/route.ts';
import type { HttpContext } from './http/state.ts';
import { webClient } from './http/web-client.ts';
import { loadQueuePage } from './jobs/queue-page.ts';
import type { Platform } from './ports/platform.ts';
import type { Roles } from './roles.ts';
import type { Listener } from './services/listeners.ts';
import { configuredListeners, listenOptions } from './services/listeners.ts';
import type { SocketEndpoint } from './socket/upgrade.ts';
import { isDatabaseOutage } from './storage/mongo/outage.ts';

/** A whole homeserver in this process. Disposing of it is closing it. */
export interface NyxServer extends AsyncDisposable {
  readonly context: Context;
  /** Listens, and starts what runs in the background. Returns the addresses, e.g. `http://127.0.0.1:8008`. */
  listen(): Promise<string[]>;
  /** Lets running requests and jobs end, then lets go of everything. May be called twice. */
  close(): Promise<void>;
}

/** Whether the client's own connection was encrypted, as far as a trusted proxy tells. */
const secureTest = (trustedProxies: readonly string[]): ((context: HttpContext) => boolean) => {
  const trusted = addressMatcher(trustedProxies);
  return (context) => {
    if ('encrypted' in context.req.socket) return true;
    const proto = context.req.headers['x-forwarded-proto'];
    return proto === 'https' && trusted((context.req.socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
  };
};

const requestIds = (processId: string): (() => string) => {
  const start = processId.slice(0, 6);
  let count = 0;
  return () => `${start}-${(count += 1).toString(36)}`;
};

/** The routes that a process with these roles serves. Whoever runs the server reaches every process. */
const servedRoutes = (routes: readonly Route[], roles: Roles): Route[] =>
  routes.filter(({ operation, auth, role = 'http' }) => {
    if (auth === 'operator' || OPERATOR_PAGES.has(operation)) return true;
    return role === 'sync' ? roles.sync : roles.http;
  });

const OPERATOR_PAGES: ReadonlySet<string> = new Set(['health', 'ready', 'metrics']);

const appDeps = (config: Config, platform: Platform, context: Context, stopping: AbortSignal): AppDeps => {
  const { foundation, operatorToken } = context;
  const { server, logging } = config;
  const page = queuePage(operatorToken, () => loadQueuePage(foundation.queues, QUEUE_PAGE_PATH));
  const { path: ownClient, enabled: hasClient } = server.webClient;
  const client =
    ownClient === undefined
      ? webClient(platform.webClientPath, platform.webClientReady)
      : webClient(ownClient);
  return {
    routes: servedRoutes(context.routes, foundation.roles),
    mount: {
      authenticator: context.accounts.authenticator,
      federationAuthenticator: context.federationAuthenticator,
      operatorToken,
      rateLimiter: foundation.rateLimiter,
      logger: platform.logger,
      maxBody: server.maxBody,
      stopping,
      isSecure: secureTest(server.trustedProxies),
    },
    logger: platform.logger,
    accessLogger: logging.access ? platform.logger : undefined,
    meter: foundation.metrics,
    clientAddress: clientAddress(server.trustedProxies),
    nextRequestId: requestIds(foundation.processId),
    monotonic: platform.monotonic,
    isOutage: isDatabaseOutage,
    fallbacks: hasClient && foundation.roles.http ? [page, client] : [page],
  };
};

const makeListeners = (
  config: Config,
  handler: RequestListener,
  sockets: SocketEndpoint | undefined,
): { server: Server; listener: Listener }[] => {
  const { tls, requestTimeout } = config.server;
  const options = {
    requestTimeout,
    headersTimeout: Math.min(requestTimeout, 20_000),
    keepAliveTimeout: 75_000,
    // Whatever else wants to upgrade (HTTP/2, mostly) is served as it came.
    shouldUpgradeCallback: (request: IncomingMessage) => sockets?.wants(request) ?? false,
  };
  const identity =
    tls.cert === undefined || tls.key === undefined
      ? {}
      : { cert: readFileSync(tls.cert), key: readFileSync(tls.key), minVersion: 'TLSv1.2' as const };
  return configuredListeners(config).map((listener) => ({
    listener,
    server: listener.secure
      ? createHttpsServer({ ...options, ...identity }, handler)
      : createHttpServer(options, handler),
  }));
};

const listenOn = (config: Config, server: Server, listener: Listener): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenOptions(config, listener), () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });

/** How often connections that have become idle are closed while the server stops, in ms. */
const IDLE_SWEEP_MS = 50;

/** Stops accepting, waits for running requests up to `graceMs`, then cuts what is left. */
const drain = (server: Server, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    // A client keeps its connection when it has its answer; nobody is to wait for that.
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
    server.close(() => {
      clearTimeout(timer);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });

const urlOf = (isTls: boolean, host: string, port: number): string =>
  `${isTls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Wires a server. Its databases must be reachable; nothing listens until `listen` is called. */
export const createServer = async (config: Config, platform: Platform): Promise<NyxServer> => {
  const stopping = new AbortController();
  const context = await createContext(config, platform, stopping.signal);
  const app = createApp(appDeps(config, platform, context, stopping.signal));
  const handle = app.callback();
  const { sockets } = context;
  const listeners = makeListeners(config, (request, response) => void handle(request, response), sockets);
  if (sockets !== undefined) {
    for (const { server } of listeners) {
      server.on('upgrade', (request: IncomingMessage, stream, head) =>
        sockets.upgrade(request, stream, head),
      );
    }
  }
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    stopping.abort(new Error('The server is stopping'));
    await Promise.all([
      sockets?.close(),
      ...listeners
        .filter(({ server }) => server.listening)
        .map(({ server }) => drain(server, config.server.shutdownGrace)),
    ]);
    await context[Symbol.asyncDispose]();
  };
  return {
    context,
    listen: async () => {
      await context.start();
      const urls: string[] = [];
      for (const { server, listener } of listeners) {
        const address = await listenOn(config, server, listener);
        urls.push(urlOf(listener.secure, listener.host, address.port));
      }
      return urls;
    },
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
};
