import * as z from 'zod/mini';
import { call, empty } from './http.ts';
import type { Api } from './http.ts';
import type { Result } from './result.ts';

const BASE = '/_matrix/client/unstable/chat.nyx.discovery';

const evaluated = z.object({
  evaluated: z.string().check(z.length(43)),
  digits: z.number().check(z.int(), z.minimum(0), z.maximum(8)),
});
const rows = z.object({
  rows: z
    .array(z.object({ id: z.string().check(z.length(32)), card: z.string().check(z.length(736)) }))
    .check(z.maxLength(1_000)),
});

/** Has a blinded user id evaluated under the key of a server, which does not learn which it is. */
export const evaluateBlinded = (
  api: Api,
  server: string,
  element: string,
): Promise<Result<z.infer<typeof evaluated>>> =>
  call(api, evaluated, 'POST', `${BASE}/evaluate`, { body: { server, element } });

/** All rows of a server's directory that begin with `prefix`. */
export const listings = (api: Api, server: string, prefix: string): Promise<Result<z.infer<typeof rows>>> =>
  call(api, rows, 'GET', `${BASE}/rows`, { query: { server, prefix } });

/** Puts our own row there, or takes it back. */
export const setListing = (api: Api, card: string | undefined): Promise<Result<unknown>> =>
  card === undefined
    ? call(api, empty, 'DELETE', `${BASE}/listing`)
    : call(api, empty, 'PUT', `${BASE}/listing`, { body: { card } });
