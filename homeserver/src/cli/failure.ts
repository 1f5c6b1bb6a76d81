import { ConfigError, EXIT_CONFIG } from '@nyx/config/problems.ts';

/** A service that is needed is not there (EX_UNAVAILABLE of sysexits.h). */
const EXIT_UNAVAILABLE = 69;
const EXIT_FAILURE = 1;

/** Says something is wrong with how a command was called; printed without a stack. */
export class UsageError extends Error {
  readonly code = 'USAGE';
}

const UNAVAILABLE = new Set([
  'SERVICE_NOT_FOUND',
  'MONGO_START_FAILED',
  'REDIS_START_FAILED',
  'PLATFORM_UNSUPPORTED',
]);

const EXPLAINED = new Set([
  ...UNAVAILABLE,
  'CONFIG_INVALID',
  'DEMO_START_FAILED',
  'USAGE',
  'DATA_FOLDER_IN_USE',
  'SIGNING_KEY_FILE',
  'unsuitable_database',
  'plugin_load',
  'EADDRINUSE',
  'EADDRNOTAVAIL',
  'EACCES',
]);

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const adviceFor = (error: unknown): string => {
  if (codeOf(error) === 'EADDRINUSE')
    return '\nTo fix it: stop what uses the port, or set NYX_PORT (server.port).';
  if (codeOf(error) === 'EADDRNOTAVAIL')
    return '\nTo fix it: set NYX_BIND (server.bind) to addresses of this machine.';
  return '';
};

/**
 * What is told about an error that ends the program, and the exit code: an explained error by its message alone, any
 * other with its stack.
 */
export const describeFailure = (error: unknown): { readonly text: string; readonly exitCode: number } => {
  if (error instanceof ConfigError) return { text: error.message, exitCode: EXIT_CONFIG };
  if (error instanceof AggregateError) {
    const parts = error.errors.map(describeFailure);
    return { text: parts.map(({ text }) => text).join('\n'), exitCode: parts[0]?.exitCode ?? EXIT_FAILURE };
  }
  const code = codeOf(error);
  const exitCode = UNAVAILABLE.has(code) ? EXIT_UNAVAILABLE : EXIT_FAILURE;
  if (error instanceof Error && EXPLAINED.has(code))
    return { text: `${error.message}${adviceFor(error)}`, exitCode };
  return { text: error instanceof Error ? (error.stack ?? error.message) : String(error), exitCode };
};
