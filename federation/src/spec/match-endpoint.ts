import type { Endpoint } from './endpoint.ts';
import { ENDPOINTS } from './endpoints/all.ts';

type Matcher = { readonly endpoint: Endpoint; readonly pattern: RegExp; readonly parameters: number };

const matchers: readonly Matcher[] = ENDPOINTS.flatMap((endpoint) =>
  endpoint.history.map(({ path }) => ({
    endpoint,
    pattern: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{[^}]*\}/g, '[^/]+')}/?$`),
    parameters: path.split('{').length,
  })),
).sort((a, b) => a.parameters - b.parameters);

/** State with an empty key may be addressed without the key's segment (Client-Server API, "state events"). */
const EMPTY_STATE_KEY = /^(\/_matrix\/client\/(?:v3|r0)\/rooms\/[^/]+\/state\/[^/]+)\/?$/;

/**
 * The operation a request addresses, by any path it ever had, or undefined. The literal path wins over one with
 * parameters.
 *
 * @param method upper case
 * @param path without query, still percent-encoded
 */
export function matchEndpoint(method: string, path: string): Endpoint | undefined {
  const candidates = matchers.filter((matcher) => matcher.endpoint.method === method);
  const find = (wanted: string) => candidates.find((matcher) => matcher.pattern.test(wanted))?.endpoint;
  return find(path) ?? (EMPTY_STATE_KEY.test(path) ? find(`${path.replace(/\/$/, '')}/x`) : undefined);
}
