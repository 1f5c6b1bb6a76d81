import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '@nyx/config/schema.ts';
import { pino } from 'pino';
import { isProcessAlive, processName, processSpace } from './adapters/process-identity.ts';
import { secretFromFile } from './adapters/secret-file.ts';
import { monotonic, systemClock, systemRandom } from './adapters/system.ts';
import { createLogger } from './observability/logger.ts';
import type { Platform } from './ports/platform.ts';
import type { NyxServer } from './server.ts';
import { createServer } from './server.ts';

/** Where this checkout or installation has the built web client. */
const BUILT_CLIENT = join(import.meta.dirname, '../../client/dist');

const STANDARD_ERROR = 2;

/** The real world: system clock and randomness, logs to standard error, secrets in the data folder. */
export const systemPlatform = (config: Config): Platform => ({
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
  secret: (name) => secretFromFile(config.server.dataDir, name, systemRandom),
  webClientPath: existsSync(join(BUILT_CLIENT, 'index.html')) ? BUILT_CLIENT : undefined,
});

/**
 * Runs a server until `SIGTERM` or `SIGINT`. `config` names a database and a Redis that are running already. Resolves
 * when it listens; `onClose` runs after the server has let go of both.
 */
export const runServer = async (config: Config, onClose: () => Promise<void>): Promise<NyxServer> => {
  const platform = systemPlatform(config);
  const server = await createServer(config, platform);
  const urls = await server.listen();
  platform.logger.info({ urls, serverName: config.server.name, pid: process.pid }, 'listening');
  const stop = (signal: NodeJS.Signals): void => {
    platform.logger.info({ signal }, 'stopping');
    server
      .close()
      .then(onClose)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          platform.logger.error({ err: error }, 'stopping failed');
          process.exit(1);
        },
      );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  return server;
};
