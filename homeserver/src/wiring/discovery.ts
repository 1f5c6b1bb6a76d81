import type { Config } from '@nyx/config/schema.ts';
import { getVersionsRoute } from '../http/client/meta/get-versions.ts';
import { wellKnownClientRoute } from '../http/well-known/client.ts';
import { wellKnownPolicyRoute } from '../http/well-known/policy-server.ts';
import { wellKnownServerRoute } from '../http/well-known/server.ts';
import { wellKnownSupportRoute } from '../http/well-known/support.ts';
import type { Area } from './area.ts';

/** What clients and servers ask first: where the server is, and what it can do. */
export const wireDiscovery = (
  { server }: Config,
  unstableFeatures: Readonly<Record<string, boolean>>,
  policyKey: string | undefined,
): Area => ({
  routes: [
    getVersionsRoute(unstableFeatures),
    wellKnownClientRoute(server.publicUrl),
    wellKnownServerRoute(server.delegate),
    wellKnownSupportRoute(server.support),
    wellKnownPolicyRoute(policyKey),
  ],
});
