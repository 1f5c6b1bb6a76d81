import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Endpoint, EndpointAuth, EndpointPath, HttpMethod } from '../src/spec/endpoint.ts';
import { UNSTABLE_PATHS } from '../src/spec/unstable-paths.ts';

/** The spec version the table links to. */
const SPEC_VERSION = 'v1.19';
const METHODS: readonly HttpMethod[] = ['DELETE', 'GET', 'POST', 'PUT'];
const APIS = [
  { id: 'client', folder: 'client-server', page: 'client-server-api' },
  { id: 'federation', folder: 'server-server', page: 'server-server-api' },
] as const;

type Operation = {
  operationId: string;
  security?: Record<string, unknown>[];
  deprecated?: boolean;
  responses: Record<string, unknown>;
  'x-addedInMatrixVersion'?: string;
};
type Document = {
  paths: Record<string, Record<string, Operation>>;
  servers: { url: string; variables?: { basePath?: { default: string } } }[];
};

/** Areas become files: each has fewer lines than the house allows, and a reader finds an operation by its source. */
export type EndpointArea = { readonly name: string; readonly endpoints: readonly Endpoint[] };

function authOf(operation: Operation): EndpointAuth {
  const names = (operation.security ?? []).map((entry) => Object.keys(entry)[0]);
  if (names.length === 0) return 'none';
  if (names.includes(undefined)) return 'optional-token';
  if (names.includes('signedRequest')) return 'server';
  return names.includes('appserviceAccessTokenBearer') ? 'appservice' : 'token';
}

/** The anchor the rendered specification gives an operation: method and path without punctuation but `_` and `-`. */
function anchorOf(method: string, path: string): string {
  return `${method}${path}`.toLowerCase().replace(/[^a-z0-9_-]/g, '');
}

function historyOf(id: string, path: string, operation: Operation): EndpointPath[] {
  const added = operation['x-addedInMatrixVersion'];
  const history: EndpointPath[] = [];
  if (path.startsWith('/_matrix/client/v3/') || path.startsWith('/_matrix/media/v3/')) {
    history.push({ path, since: `v${added ?? '1.1'}` });
    // v1.1 renamed r0 to v3; what it added itself never had an r0 path.
    if (added === undefined) history.push({ path: path.replace('/v3/', '/r0/'), since: 'r0' });
  } else {
    history.push({ path, since: added === undefined ? 'r0' : `v${added}` });
  }
  for (const unstable of UNSTABLE_PATHS[id] ?? []) history.push({ path: unstable, since: 'unstable' });
  return history;
}

function endpointOf(
  api: (typeof APIS)[number],
  base: string,
  rawPath: string,
  method: HttpMethod,
  operation: Operation,
): Endpoint {
  const path = `${base}${rawPath}`;
  const id = `${api.id}/${operation.operationId}`;
  const statuses = Object.keys(operation.responses).map(Number);
  return {
    id,
    method,
    path,
    history: historyOf(id, path, operation),
    auth: authOf(operation),
    deprecated: operation.deprecated === true,
    rateLimited: statuses.includes(429),
    otherStatuses: statuses.filter((status) => status !== 200).sort((a, b) => a - b),
    spec: `https://spec.matrix.org/${SPEC_VERSION}/${api.page}/#${anchorOf(method, path)}`,
  };
}

const ROOM = /\/rooms|\/join|createRoom|knock|publicRooms|directory|sync|events|hierarchy/i;
const TIMELINE =
  /message|relations|threads|receipt|read_markers|redact|send|state|context|event|typing|sync|search|report|initialSync/i;

/** The file of the table an operation goes to: small files, found by what the path speaks of. */
function areaOf(api: string, path: string): string {
  if (api === 'federation') return 'federation';
  if (path.includes('media')) return 'client-media';
  if (/keys|sendToDevice/.test(path)) return 'client-encryption';
  if (/push|notifications/.test(path)) return 'client-push';
  if (ROOM.test(path)) return TIMELINE.test(path) ? 'client-events' : 'client-rooms';
  if (/account|login|logout|register|refresh/.test(path)) return 'client-accounts';
  return /user|profile|devices|presence/.test(path) ? 'client-users' : 'client-general';
}

/**
 * Reads every operation of the client-server and server-server APIs.
 *
 * @param data the `data` folder of the specification
 */
export function readEndpointAreas(data: string): EndpointArea[] {
  const areas = new Map<string, Endpoint[]>();
  for (const api of APIS) {
    const folder = join(data, 'api', api.folder);
    for (const file of readdirSync(folder).sort()) {
      if (!file.endsWith('.yaml')) continue;
      const document = parse(readFileSync(join(folder, file), 'utf8')) as Document;
      const server = document.servers[0];
      const base = server?.variables?.basePath?.default ?? '';
      for (const [path, operations] of Object.entries(document.paths)) {
        for (const method of METHODS) {
          const operation = operations[method.toLowerCase()];
          if (operation === undefined) continue;
          const endpoint = endpointOf(api, base, path, method, operation);
          const area = areaOf(api.id, endpoint.path);
          areas.set(area, [...(areas.get(area) ?? []), endpoint]);
        }
      }
    }
  }
  return [...areas]
    .map(([name, endpoints]) => ({ name, endpoints }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
