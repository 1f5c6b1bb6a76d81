import { readFileSync } from 'node:fs';
import { GuardedHttp } from '@nyx/federation/http/guarded-http.ts';
import { createNodeDns } from '@nyx/federation/http/node-dns.ts';
import { createAddressPolicy } from '@nyx/federation/http/ssrf-guard.ts';
import type { Foundation } from './foundation.ts';

/** HTTP to addresses that others chose: push gateways, linked pages, media that lies elsewhere. */
export const openOutside = ({ config, resources }: Foundation): GuardedHttp => {
  const { allowPrivateAddresses, extraCa } = config.federation;
  return resources.use(
    new GuardedHttp({
      dns: createNodeDns(),
      policy: createAddressPolicy(allowPrivateAddresses ? { deny: [] } : {}),
      ...(extraCa === undefined ? {} : { extraCa: [readFileSync(extraCa, 'utf8')] }),
    }),
  );
};
