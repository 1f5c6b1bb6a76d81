import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Endpoint } from '../spec/endpoint.ts';
import { COVERAGE_FOLDER } from './coverage-recorder.ts';
import type { CoverageRecord } from './coverage-recorder.ts';

const recordSchema = z.object({
  operation: z.string(),
  status: z.number().int(),
  valid: z.boolean(),
  errcode: z.string().exactOptional(),
  problems: z.array(z.string()).exactOptional(),
});

/**
 * `served` needs a validated success and a documented error, both seen in a test run; `off` needs a validated refusal of
 * an operation whose feature this server does not have.
 */
export type OperationStatus = 'not yet' | 'partly' | 'served' | 'off';

/** Operations of features that are off by design; the spec provides for servers without them. */
const OFF: ReadonlySet<string> = new Set(
  [
    'post3PIDs',
    'add3PID',
    'bind3PID',
    'requestTokenToRegisterEmail',
    'requestTokenToRegisterMSISDN',
    'requestTokenToResetPasswordEmail',
    'requestTokenToResetPasswordMSISDN',
    'requestTokenTo3PIDEmail',
    'requestTokenTo3PIDMSISDN',
    'redirectToSSO',
    'redirectToIdP',
    'getAuthMetadata',
    'getProtocolMetadata',
    'queryLocationByProtocol',
    'queryLocationByAlias',
    'queryUserByProtocol',
    'queryUserByID',
    'pingAppservice',
    'updateAppserviceRoomDirectoryVisibility',
  ].map((operation) => `client/${operation}`),
);

/** What the records say of one operation. */
export type OperationCoverage = {
  readonly endpoint: Endpoint;
  readonly status: OperationStatus;
  readonly mounted: boolean;
  readonly successes: readonly number[];
  readonly errors: readonly string[];
  readonly problems: readonly string[];
};

/** Answers of a server that does not know the operation at all. */
const UNKNOWN = 'M_UNRECOGNIZED';

/** Reads every record of the runs since the folder was last cleared; a line cut short by a crash is skipped. */
export function readRecords(root: string): CoverageRecord[] {
  const folder = join(root, COVERAGE_FOLDER);
  if (!existsSync(folder)) return [];
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
  return lines.flatMap((line) => {
    try {
      return [recordSchema.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

/**
 * Judges one operation.
 *
 * @param records of all operations
 * @param mounted `METHOD /path/{parameter}` of every route the server mounts
 */
export function judge(
  endpoint: Endpoint,
  records: readonly CoverageRecord[],
  mounted: ReadonlySet<string>,
): OperationCoverage {
  const own = records.filter((record) => record.operation === endpoint.id);
  const valid = own.filter((record) => record.valid);
  const successes = [...new Set(valid.filter(({ status }) => status < 400).map(({ status }) => status))];
  const errors = [
    ...new Set(
      valid
        .filter(({ status, errcode }) => status >= 400 && status < 500 && errcode !== UNKNOWN)
        .map(({ status, errcode }) => `${status} ${errcode ?? ''}`.trim()),
    ),
  ].sort();
  const problems = own
    .filter((record) => !record.valid)
    .map((record) => `${record.status}: ${(record.problems ?? []).join('; ')}`);
  const isMounted = endpoint.history.some(({ path }) => mounted.has(`${endpoint.method} ${anonymous(path)}`));
  // Discovery documents and the version list have no error of their own to show.
  const errorShown = errors.length > 0 || (endpoint.auth === 'none' && endpoint.otherStatuses.length === 0);
  const served = successes.length > 0 && errorShown && problems.length === 0;
  const partly = isMounted || successes.length > 0;
  const isRefused = valid.some(({ status }) => status >= 400 && status < 500);
  const isOff = OFF.has(endpoint.id) && isRefused && successes.length === 0 && problems.length === 0;
  return {
    endpoint,
    status: isOff ? 'off' : served ? 'served' : partly ? 'partly' : 'not yet',
    mounted: isMounted,
    successes,
    errors,
    problems,
  };
}

/** A path with its parameters' names taken away: `{roomId}`, `:roomId` and `{roomIdOrAlias}` are all `{}`. */
export function anonymous(path: string): string {
  return path.replace(/\{[^}]*\}|:[A-Za-z_]+/g, '{}').replace(/\/$/, '');
}

/** The Markdown of docs/spec-coverage.md. */
export function renderCoverage(rows: readonly OperationCoverage[]): string {
  const sections = (['client', 'federation'] as const).map((api) => {
    const own = rows.filter(({ endpoint }) => endpoint.id.startsWith(`${api}/`));
    const count = (status: OperationStatus) => own.filter((row) => row.status === status).length;
    const table = own.map(
      ({ endpoint, status, successes, errors, problems }) =>
        `| [${endpoint.method} ${endpoint.path}](${endpoint.spec})${endpoint.deprecated ? ' (deprecated)' : ''} | ${status} | ${successes.join(', ')} | ${errors.join(', ')} | ${problems.length === 0 ? '' : problems.length} |`,
    );
    return [
      `## ${api === 'client' ? 'Client-Server API' : 'Server-Server API'}`,
      '',
      `${own.length} operations: ${count('served')} served, ${count('off')} off, ${count('partly')} partly, ${count('not yet')} not yet.`,
      '',
      '| operation | status | validated successes | documented errors | invalid answers |',
      '|---|---|---|---|---|',
      ...table,
    ].join('\n');
  });
  return [
    '# Coverage of the Matrix specification',
    '',
    'Generated by `npm run spec-coverage` from the endpoint table, the routes that are mounted, and the answers that the',
    'test suite received and validated against the OpenAPI of the specification. An operation is **served** when a test run',
    'recorded a validated success and a documented error for it, and no invalid answer; **partly** when it is mounted or a',
    'success was seen; **off** when it belongs to a feature that this server does not have (third-party identifiers and',
    'networks, single sign-on, OAuth 2.0, application services) and was seen to be refused as the specification allows.',
    'Operations open to everybody for which the specification documents no error need none.',
    '',
    ...sections.flatMap((section) => [section, '']),
  ].join('\n');
}
