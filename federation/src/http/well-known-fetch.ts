import { Client } from 'undici';
import { readBounded } from './bounded-body.ts';
import type { ConnectionRules } from './connector.ts';
import { checkLiteral, guardedConnector } from './connector.ts';
import { MAX_WELL_KNOWN_BYTES } from './limits.ts';
import type { WellKnownFetch } from './well-known.ts';

/** Fetches a delegation document over one short-lived connection; nobody asks the same host again soon. */
export function createWellKnownFetch(rules: ConnectionRules, timeoutMs = 10_000): WellKnownFetch {
  return async (url) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    checkLiteral(rules, host);
    const client = new Client(url.origin, {
      connect: guardedConnector(rules, host),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    try {
      const response = await client.request({
        method: 'GET',
        path: `${url.pathname}${url.search}`,
        headers: { accept: 'application/json', 'user-agent': 'Nyx' },
        signal: AbortSignal.timeout(timeoutMs),
      });
      const body = await readBounded(response.body, MAX_WELL_KNOWN_BYTES, url.host);
      return { status: response.statusCode, headers: singleHeaders(response.headers), body: body.toString() };
    } finally {
      await client.destroy();
    }
  };
}

/** Header values as single strings, names in lower case. */
export function singleHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
}
