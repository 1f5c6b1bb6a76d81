import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '@nyx/config/schema.ts';
import type { Secret } from '@nyx/config/secret.ts';
import { pino } from 'pino';
import { isProcessAlive, processName, processSpace } from './adapters/process-identity.ts';
import { secretFromFile } from './adapters/secret-file.ts';
import { monotonic, systemClock, systemRandom } from './adapters/system.ts';
import { createLogger } from './observability/logger.ts';
import type { Platform } from './ports/platform.ts';
import { createServer as wireServer } from './server.ts';
import { loadSigningKeys } from './services/signing-keys.ts';

/** Where this checkout or installation has the built web client. */
const BUILT_CLIENT = join(import.meta.dirname, '../../client/dist');

const STANDARD_ERROR = 2;

/** The real world: system clock and randomness, logs to standard error, secrets in the data folder. */
export const systemPlatform = async (config: Config): Promise<Platform> => ({
  clock: systemClock,
  random: systemRandom,
  monotonic,
  // Lines are gathered for a moment and written together; the end of the process flushes them.
  logger: createLogger(
    config.logging.level,
    pino.destination({ dest: STANDARD_ERROR, sync: false, minLength: 0 }),
  ),
  processSpace: processSpace(),
  processName: processName(),
  isProcessAlive,
  signingKeys: await loadSigningKeys(resolve(config.server.dataDir)),
  secret: (name) => secretFromFile(config.server.dataDir, name, systemRandom),
  webClientPath: existsSync(join(BUILT_CLIENT, 'index.html')) ? BUILT_CLIENT : undefined,
});

/** What the command line hands over. */
export type MainInputs = {
  readonly config: Config;
  /** Of the services that run already, and outlive the server. */
  readonly databaseUri: Secret;
  readonly redisUri: Secret;
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
  const platform = await systemPlatform(config);
  const server = await wireServer(config, platform);
  const urls = await server.listen();
  platform.logger.info({ urls, serverName: config.server.name, pid: process.pid }, 'listening');
  const notices = firstAdminNotice(await server.context.accounts.firstAdminToken(), config, urls);
  return { urls, notices, [Symbol.asyncDispose]: () => server.close() };
};
