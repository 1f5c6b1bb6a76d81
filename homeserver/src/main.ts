import { join, resolve } from 'node:path';
import type { Config } from '@nyx/config/schema.ts';
import type { Secret } from '@nyx/config/secret.ts';
import { pino } from 'pino';
import { isProcessAlive, processName, processSpace } from './adapters/process-identity.ts';
import { secretFromFile } from './adapters/secret-file.ts';
import { monotonic, systemClock, systemRandom } from './adapters/system.ts';
import { createLogger } from './observability/logger.ts';
import { prettyLines } from './observability/pretty.ts';
import type { Logger } from './ports/logger.ts';
import type { Platform } from './ports/platform.ts';
import { createServer as wireServer } from './server.ts';
import { loadSigningKeys } from './services/signing-keys.ts';

/** Where this checkout or installation has the built web client. */
const BUILT_CLIENT = join(import.meta.dirname, '../../client/dist');

/** File descriptors of a process's two outputs. */
const OUTPUTS = { stdout: 1, stderr: 2 } as const;

/** Where the log goes: to standard output, unless that is for a command's result. */
export type LogOutput = keyof typeof OUTPUTS;

// Lines are gathered for a moment and written together; the end of the process flushes them.
const openLog = ({ level, format }: Config['logging'], output: LogOutput): Logger => {
  const destination = pino.destination({ dest: OUTPUTS[output], sync: false, minLength: 0 });
  return createLogger(level, format === 'pretty' ? prettyLines(destination) : destination);
};

/** The real world: system clock and randomness, a log, secrets in the data folder. */
export const systemPlatform = async (
  config: Config,
  output: LogOutput,
  webClientReady: Promise<void> = Promise.resolve(),
): Promise<Platform> => ({
  clock: systemClock,
  random: systemRandom,
  monotonic,
  logger: openLog(config.logging, output),
  processSpace: processSpace(),
  processName: processName(),
  isProcessAlive,
  signingKeys: await loadSigningKeys(resolve(config.server.dataDir)),
  secret: (name) => secretFromFile(config.server.dataDir, name, systemRandom),
  webClientPath: BUILT_CLIENT,
  webClientReady,
});

/** What the command line hands over. */
export type MainInputs = {
  readonly config: Config;
  /** Of the services that run already, and outlive the server. */
  readonly databaseUri: Secret;
  readonly redisUri: Secret;
  readonly logTo: LogOutput;
  /** Settles when the web client of this checkout has been built, or could not be. Never rejects. */
  readonly webClientReady: Promise<void>;
};

/** A server that listens. Disposing of it lets requests and jobs end first. */
export interface Running extends AsyncDisposable {
  readonly urls: readonly string[];
  /** What whoever started the server should read, such as the link that makes the first user. May hold secrets. */
  readonly notices: readonly string[];
}

/** The link that makes the first, administrating user, as long as there is none. */
const firstAdminNotice = (token: string | undefined, config: Config, urls: readonly string[]): string[] => {
  if (token === undefined) return [];
  const base =
    config.server.publicUrl ??
    urls[0]?.replace(/\/\/(?:0\.0\.0\.0|\[::\]|127\.0\.0\.1)/, '//localhost') ??
    '';
  return [
    `nobody has an account yet; the first one, which administrates this server, is made here: ${base}/#/sign-up?token=${token}`,
  ];
};

/** Wires a server from what the command line found and started, and listens. */
export const createServer = async (inputs: MainInputs): Promise<Running> => {
  const config: Config = {
    ...inputs.config,
    database: { ...inputs.config.database, uri: inputs.databaseUri },
    redis: { ...inputs.config.redis, uri: inputs.redisUri },
  };
  const platform = await systemPlatform(config, inputs.logTo, inputs.webClientReady);
  const server = await wireServer(config, platform);
  const urls = await server.listen();
  platform.logger.info({ urls, serverName: config.server.name, pid: process.pid }, 'listening');
  const notices = firstAdminNotice(await server.context.accounts.firstAdminToken(), config, urls);
  return { urls, notices, [Symbol.asyncDispose]: () => server.close() };
};
