import { join, resolve } from 'node:path';
import type { Config } from '@nyx/config/schema.ts';
import { Secret } from '@nyx/config/secret.ts';
import type { LogOutput } from '../main.ts';
import { refuseTakenListeners } from '../services/listeners.ts';
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

interface WebClientBuild extends AsyncDisposable {
  /** Settles when there is nothing more to wait for. Never rejects. */
  readonly ready: Promise<void>;
  begin(): void;
}

/** A build of the web client, when one is needed. Disposing of it ends it. */
const webClientBuild = (tell: (line: string) => void): WebClientBuild => {
  const begun = Promise.withResolvers<undefined>();
  const ending = new AbortController();
  const build = async (): Promise<void> => {
    await begun.promise;
    await ensureWebClient({ env: process.env, report: tell, behindOthers: true, signal: ending.signal });
  };
  const ready = build().catch((error: unknown) => {
    if (!ending.signal.aborted) tell(`the web client could not be built: ${String(error)}`);
  });
  return {
    ready,
    begin: () => {
      begun.resolve(undefined);
    },
    [Symbol.asyncDispose]: () => {
      ending.abort(new Error('The server is stopping'));
      begun.resolve(undefined);
      return ready;
    },
  };
};

/** Starts services and server. Disposing of the answer drains the server and then stops the services. */
export const bootServer = async (
  config: Config,
  { tell, logTo }: { readonly tell: (line: string) => void; readonly logTo: LogOutput },
): Promise<BootedServer> => {
  await using started = new AsyncDisposableStack();
  // The server's code is read from the disk while the services come up.
  const code = import('../main.ts');
  code.catch(() => undefined);
  await refuseTakenListeners(config);
  await makePrivateFolder(resolve(config.server.dataDir));
  await loadSigningKeys(resolve(config.server.dataDir));
  const client = wantsBuiltClient(config) ? started.use(webClientBuild(tell)) : undefined;
  const booted = started.use(await bootServices(config, tell));
  const { createServer } = await code;
  const server = started.use(
    await createServer({
      config: booted.config,
      databaseUri: booted.config.database.uri,
      redisUri: booted.config.redis.uri,
      logTo,
      webClientReady: client?.ready ?? Promise.resolve(),
    }),
  );
  // Not sooner: it would take the processor from a start that people wait for.
  client?.begin();
  // Ended before the server too: its last requests may be waiting for the build.
  if (client !== undefined) started.use(client);
  const all = started.move();
  return { urls: server.urls, notices: server.notices, [Symbol.asyncDispose]: () => all.disposeAsync() };
};
