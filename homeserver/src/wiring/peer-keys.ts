import { RemoteError } from '@nyx/federation/http/errors.ts';
import { PeerKeysApi } from '@nyx/federation/http/peer-keys-api.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { LRUCache } from 'lru-cache';
import type { KeyServerApi } from '../domain/e2ee/federation/cached-remote-keys.ts';
import { DomainError } from '../domain/errors.ts';
import type { OutboundEdus } from '../ports/outbound-edus.ts';
import type { ToDeviceTransport } from '../ports/to-device-transport.ts';
import type { Peers } from './peers.ts';

/** How long a server is remembered not to know the claim of bundles, in ms. */
const UNKNOWN_FOR_MS = 3_600_000;
const NOT_KNOWN: ReadonlySet<number> = new Set([404, 405]);

const serverName = (text: string): ServerName => {
  if (isServerName(text)) return text;
  throw new DomainError('invalid_param', 'Not a server name');
};

/** Key operations of other servers' APIs. */
export const keyServerApi = ({ transport }: Pick<Peers, 'transport'>): KeyServerApi => {
  const api = new PeerKeysApi(transport.client);
  const withoutBundles = new LRUCache<string, true>({ max: 10_000, ttl: UNKNOWN_FOR_MS });
  return {
    userDevices: (server, userId, timeoutMs) => api.userDevices(serverName(server), userId, timeoutMs),
    query: (server, body, timeoutMs) => api.query(serverName(server), body, timeoutMs),
    claim: (server, body, timeoutMs) => api.claim(serverName(server), body, timeoutMs),
    claimBundles: async (server, body, timeoutMs) => {
      if (withoutBundles.has(server)) return undefined;
      try {
        return await api.claimBundles(serverName(server), body, timeoutMs);
      } catch (error) {
        if (!(error instanceof RemoteError) || !NOT_KNOWN.has(error.status)) throw error;
        withoutBundles.set(server, true);
        return undefined;
      }
    },
  };
};

/** Ephemeral messages through the queues to other servers. */
export const outboundEdus = ({ outbound, wake }: Pick<Peers, 'outbound' | 'wake'>): OutboundEdus => ({
  send: async (servers, edus) => {
    const destinations = servers.filter(isServerName);
    await outbound.add(
      destinations,
      edus.map(({ type, content }) => ({ kind: 'edu', edu: { edu_type: type, content } })),
    );
    await wake(destinations);
  },
});

/** Messages to devices as EDUs. */
export const toDeviceTransport = (edus: OutboundEdus): ToDeviceTransport => ({
  send: (server, content) => edus.send([server], [{ type: 'm.direct_to_device', content }]),
});
