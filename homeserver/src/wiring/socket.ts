import type { NewsFeedDeps } from '../socket/news-feed.ts';
import type { SocketEndpoint } from '../socket/upgrade.ts';
import { createSocketEndpoint } from '../socket/upgrade.ts';
import { SocketHub } from '../socket/hub.ts';
import { socketTiming } from '../socket/limits.ts';
import { SocketOperations } from '../socket/operations.ts';
import type { SyncObserver } from '../http/client/sync/sync.ts';
import { clientAddress } from '../http/client-address.ts';
import type { Route } from '../http/route.ts';
import type { FilterStore } from '../ports/accounts.ts';
import type { Authenticator, SessionWatch } from '../ports/authenticator.ts';
import { isDatabaseOutage } from '../storage/mongo/outage.ts';
import type { Foundation } from './foundation.ts';

export type SocketNeeds = {
  readonly authenticator: Authenticator & SessionWatch;
  readonly filters: FilterStore;
  readonly observer: SyncObserver;
  readonly news: NewsFeedDeps;
  /** The HTTP API, whose operations the socket's requests are. */
  readonly routes: readonly Route[];
};

/** Characters of the process's name in the ids of requests over sockets. */
const ID_PREFIX = 6;

/** The socket, where this process serves it. */
export const wireSocket = (foundation: Foundation, needs: SocketNeeds): SocketEndpoint | undefined => {
  const { config, roles, platform, metrics, rateLimiter } = foundation;
  if (!roles.sync || !config.server.socket.enabled) return undefined;
  const { logger, monotonic } = platform;
  const hub = new SocketHub();
  metrics.gauge('nyx_sockets', 'Open sockets', () => hub.size);
  const { authenticator, filters, observer, news, routes } = needs;
  let requests = 0;
  const operations = new SocketOperations({
    routes,
    rateLimiter,
    meter: metrics,
    logger,
    accessLogger: config.logging.access ? logger : undefined,
    nextRequestId: () => `${foundation.processId.slice(0, ID_PREFIX)}-s${(requests += 1).toString(36)}`,
    monotonic,
    isOutage: isDatabaseOutage,
    maxBody: config.server.maxBody,
  });
  return createSocketEndpoint(
    {
      authenticator,
      operations,
      news,
      filters,
      observer,
      hub,
      timing: socketTiming(config.server.socket.heartbeat),
      isLimited: config.rateLimits.enabled,
      monotonic,
      logger,
    },
    clientAddress(config.server.trustedProxies),
  );
};
