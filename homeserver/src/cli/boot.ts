import { join, resolve } from 'node:path';
import type { Config } from '@nyx/config/schema.ts';
import { Secret } from '@nyx/config/secret.ts';
import { keptSecret, makePrivateFolder } from '../services/private-folder.ts';
import { loadSigningKeys } from '../services/signing-keys.ts';
import { startServices, thisMachine } from '../services/start-services.ts';
import { ensureWebClient } from '../services/web-client.ts';

const LOCAL_REGISTRATION_SECRET = 'registration-secret';

/**
 * The secret that `/_synapse/admin/v1/register` accepts besides the configured one; made on first use. It lies in the
 * data folder: who can read it may administrate the server anyway.
 */
export const localRegistrationSecret = async (dataDir: string): Promise<Secret> => {
  const folder = join(resolve(dataDir), 'secrets');
  await makePrivateFolder(folder);
  return new Secret(await keptSecret(folder, LOCAL_REGISTRATION_SECRET));
};

/** A configuration whose services run. Disposing of it stops those that were started for it. */
export interface Booted extends AsyncDisposable {
  readonly config: Config & {
    readonly database: { readonly uri: Secret };
    readonly redis: { readonly uri: Secret };
  };
}

/** Starts the services that the configuration leaves to Nyx, and fills their addresses in. */
export const bootServices = async (config: Config, tell: (line: string) => void): Promise<Booted> => {
  const services = await startServices(config, thisMachine(tell));
  for (const line of services.summary) tell(line);
  return {
    config: {
      ...config,
      database: { ...config.database, uri: services.databaseUri },
      redis: { ...config.redis, uri: services.redisUri },
    },
    [Symbol.asyncDispose]: () => services[Symbol.asyncDispose](),
  };
};

/** A server that listens, with all it stands on. */
export interface BootedServer extends AsyncDisposable {
  readonly urls: readonly string[];
  /** For the terminal alone: they may hold secrets. */
  readonly notices: readonly string[];
}

const wantsBuiltClient = ({ server }: Config): boolean =>
  server.webClient.enabled && server.webClient.path === undefined && server.roles.includes('http');

/** Starts services and server. Disposing of the answer drains the server and then stops the services. */
export const bootServer = async (config: Config, tell: (line: string) => void): Promise<BootedServer> => {
  await using started = new AsyncDisposableStack();
  // The server's code is read from the disk while the services come up.
  const code = import('../main.ts');
  code.catch(() => undefined);
  await makePrivateFolder(resolve(config.server.dataDir));
  await loadSigningKeys(resolve(config.server.dataDir));
  const client = wantsBuiltClient(config) ? ensureWebClient({ env: process.env, report: tell }) : undefined;
  const booted = started.use(await bootServices(config, tell));
  await client?.catch((error: unknown) => tell(`the web client could not be built: ${String(error)}`));
  const { createServer } = await code;
  const server = started.use(
    await createServer({
      config: booted.config,
      databaseUri: booted.config.database.uri,
      redisUri: booted.config.redis.uri,
    }),
  );
  const all = started.move();
  return { urls: server.urls, notices: server.notices, [Symbol.asyncDispose]: () => all.disposeAsync() };
};
