import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import type { Endpoint } from '../spec/endpoint.ts';
import { matchEndpoint } from '../spec/match-endpoint.ts';

/** What a test received. */
export type ObservedResponse = {
  readonly method: string;
  /** Path of the request without query. */
  readonly path: string;
  readonly status: number;
  /** The `Content-Type` of the answer, if any. */
  readonly contentType?: string;
  /** The parsed body when it is JSON. */
  readonly body?: unknown;
};

/** The judgement of one answer; `endpoint` is undefined for a path the specification does not know. */
export type Verdict = {
  readonly endpoint: Endpoint | undefined;
  readonly valid: boolean;
  /** One line per violation: JSON pointer and message. */
  readonly problems: readonly string[];
};

/** Checks answers against the OpenAPI of the specification. */
export interface Contract {
  check(response: ObservedResponse): Verdict;
}

type Media = { schema?: unknown };
type Responses = Partial<Record<string, { content?: Record<string, Media> }>>;
const FOLDERS = { client: 'client-server', federation: 'server-server' } as const;

const base = 'spec:///';

/**
 * A file's tree as Ajv wants it: references absolute (collected in `found`), and no examples, which may hold
 * anything.
 */
function prepare(node: unknown, file: string, found: Set<string>): unknown {
  if (Array.isArray(node)) return node.map((entry) => prepare(entry, file, found));
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(
    ([key, value]) => !((key === 'example' || key === 'examples') && typeof value === 'object'),
  );
  return Object.fromEntries(
    entries.map(([key, value]: [string, unknown]) => {
      if (key !== '$ref' || typeof value !== 'string') return [key, prepare(value, file, found)];
      const [path = '', fragment = ''] = value.split('#');
      const target = path === '' ? file : posix.normalize(posix.join(posix.dirname(file), path));
      found.add(target);
      return [key, `${base}${target}#${fragment}`];
    }),
  );
}

const pointer = (...parts: string[]) =>
  parts.map((part) => `/${encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

class OpenApiContract implements Contract {
  readonly #data: string;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, inlineRefs: false });
  readonly #documents = new Map<string, unknown>();
  readonly #validators = new Map<string, ValidateFunction | undefined>();
  readonly #fileOf: ReadonlyMap<string, Source>;

  constructor(data: string, fileOf: ReadonlyMap<string, Source>) {
    this.#data = data;
    this.#fileOf = fileOf;
  }

  /** Registers a file and, first, everything it refers to. */
  #load(file: string): unknown {
    const known = this.#documents.get(file);
    if (known !== undefined) return known;
    const references = new Set<string>();
    const document = prepare(parse(readFileSync(join(this.#data, file), 'utf8')), file, references);
    this.#documents.set(file, document);
    for (const reference of references) this.#load(reference);
    this.#ajv.addSchema(document as object, `${base}${file}`, undefined, false);
    return document;
  }

  #validator(endpoint: Endpoint, status: number): ValidateFunction | undefined {
    const key = `${endpoint.id} ${status}`;
    if (!this.#validators.has(key)) this.#validators.set(key, this.#compile(endpoint, status));
    return this.#validators.get(key);
  }

  #compile(endpoint: Endpoint, status: number): ValidateFunction | undefined {
    const source = this.#fileOf.get(endpoint.id);
    if (source === undefined) return undefined;
    const document = this.#load(source.file) as {
      paths: Partial<Record<string, Partial<Record<string, { responses: Responses }>>>>;
    };
    const method = endpoint.method.toLowerCase();
    const media =
      document.paths[source.rawPath]?.[method]?.responses[`${status}`]?.content?.['application/json'];
    if (media?.schema === undefined) return undefined;
    const at = pointer(
      'paths',
      source.rawPath,
      method,
      'responses',
      `${status}`,
      'content',
      'application/json',
      'schema',
    );
    return this.#ajv.compile({ $ref: `${base}${source.file}#${at}` });
  }

  check(response: ObservedResponse): Verdict {
    const endpoint = matchEndpoint(response.method, response.path);
    if (endpoint === undefined) return { endpoint, valid: false, problems: ['no such operation'] };
    const problems = this.#problems(endpoint, response);
    return { endpoint, valid: problems.length === 0, problems };
  }

  #problems(endpoint: Endpoint, response: ObservedResponse): string[] {
    const { status, body } = response;
    // Every operation that takes an access token may answer so (spec: Client-Server API, Using access tokens), also
    // those that document their 401 as the demand for interactive authentication.
    if (status === 401 && endpoint.auth !== 'none' && isTokenError(body)) return [];
    const documented = status === 200 || endpoint.otherStatuses.includes(status);
    const validate = documented ? this.#validator(endpoint, status) : undefined;
    if (validate !== undefined) {
      if (validate(body)) return [];
      return (validate.errors ?? []).map(
        (error) => `${error.instancePath || '/'} ${error.message ?? error.keyword}`,
      );
    }
    if (documented && status < 400) return [];
    if (status < 400) return [`status ${status} is not documented`];
    // The spec describes interactive authentication apart from the operations that demand it.
    if (status === 401 && isAuthChallenge(body)) return [];
    return isMatrixError(body) ? [] : ['/ is not a standard error response'];
  }
}

/** The answer that demands interactive authentication (spec: Client-Server API, User-Interactive Authentication API). */
function isAuthChallenge(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  if (!('session' in body) || typeof body.session !== 'string' || !('flows' in body)) return false;
  const { flows } = body;
  return (
    Array.isArray(flows) &&
    flows.length > 0 &&
    flows.every(
      (flow: unknown) =>
        typeof flow === 'object' && flow !== null && 'stages' in flow && Array.isArray(flow.stages),
    )
  );
}

/** The standard answer to a missing or unknown access token. */
function isTokenError(body: unknown): boolean {
  if (!isMatrixError(body) || typeof body !== 'object' || body === null || !('errcode' in body)) return false;
  return body.errcode === 'M_MISSING_TOKEN' || body.errcode === 'M_UNKNOWN_TOKEN';
}

/** A standard error response: `errcode` in the registered form and, where present, a text. */
function isMatrixError(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || !('errcode' in body)) return false;
  const { errcode } = body;
  return (
    typeof errcode === 'string' &&
    /^[A-Z][A-Z0-9_.]*$/i.test(errcode) &&
    (!('error' in body) || typeof body.error === 'string')
  );
}

type Source = { readonly file: string; readonly rawPath: string };

/** Where each operation is described. */
function operationSources(data: string): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (const [api, folder] of Object.entries(FOLDERS)) {
    for (const name of readdirSync(join(data, 'api', folder)).filter((entry) => entry.endsWith('.yaml'))) {
      const file = `api/${folder}/${name}`;
      let rawPath = '';
      // Two levels of indentation are paths, four are methods, six their fields: a full parse of all 96 files
      // would cost every test process half a second.
      for (const line of readFileSync(join(data, file), 'utf8').split('\n')) {
        const path = /^ {2}"?(\/[^"]*?)"?:\s*$/.exec(line)?.[1];
        if (path !== undefined) rawPath = path;
        const operation = /^ {6}operationId: *(\S+)/.exec(line)?.[1];
        if (operation !== undefined) sources.set(`${api}/${operation}`, { file, rawPath });
      }
    }
  }
  return sources;
}

/**
 * Opens the specification as a judge of answers. Files are parsed when the first answer of theirs is checked.
 *
 * @param data the specification's data folder (see `findSpecData`)
 */
export function openContract(data: string): Contract {
  return new OpenApiContract(data, operationSources(data));
}
