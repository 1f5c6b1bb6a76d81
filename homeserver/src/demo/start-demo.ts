import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import { z } from 'zod';
import { startEmbeddedMongo } from '../services/embedded-mongo.ts';
import { startEmbeddedRedis } from '../services/embedded-redis.ts';
import {
  freePort,
  makePrivateFolder,
  makeTemporaryFolder,
  readIfThere,
  writePrivateFile,
} from '../services/private-folder.ts';
import { thisMachine } from '../services/start-services.ts';
import { ensureWebClient } from '../services/web-client.ts';
import { DemoServer, DemoStartError } from './demo-server.ts';

export type DemoUser = { readonly userId: string; readonly username: string; readonly password: string };

/** Two federated homeservers with one MongoDB and one Redis. Disposing of it stops all of it. */
export interface Demo extends AsyncDisposable {
  readonly servers: readonly [DemoServer, DemoServer];
  /** Users of each server, when they were asked for. */
  readonly users: readonly [readonly DemoUser[], readonly DemoUser[]];
  readonly mongoUri: string;
  readonly redisUri: string;
  /** PEM file of the authority that both servers trust. */
  readonly authorityFile: string;
  /** What everything is kept in; gone after disposal unless `dataDir` named it. */
  readonly folder: string;
}

export type DemoOptions = {
  /** Make two users on each server. */
  readonly seed?: boolean;
  /** Keep everything here and find it again the next time; a temporary folder when not given. */
  readonly dataDir?: string;
  /** Build and serve the web client. */
  readonly webClient?: boolean;
  /** Take the same ports every time where they are free; any free ones when not set. */
  readonly usualPorts?: boolean;
  /** More environment for both servers, for instance `{ NYX_RATE_LIMITS: 'off' }`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly report: (line: string) => void;
};

const USUAL_PORTS = [8081, 8082, 8481, 8482] as const;
const SEEDED: readonly [readonly string[], readonly string[]] = [
  ['alice', 'anna'],
  ['bob', 'ben'],
];
const NOBODY: typeof SEEDED = [[], []];
const SEED_PASSWORD = 'demo password';

const portsSchema = z.tuple([z.number(), z.number(), z.number(), z.number()]);
type Ports = z.output<typeof portsSchema>;

/** The four ports of this demo. A kept one has the same for ever: they are part of the servers' names. */
const choosePorts = async (folder: string, isUsual: boolean): Promise<Ports> => {
  const file = join(folder, 'ports.json');
  const kept = await readIfThere(file);
  if (kept !== undefined) return portsSchema.parse(JSON.parse(kept));
  const chosen: number[] = [];
  for (const usual of USUAL_PORTS) {
    let port = await freePort(isUsual ? usual : undefined);
    while (chosen.includes(port)) port = await freePort();
    chosen.push(port);
  }
  const ports = portsSchema.parse(chosen);
  await writePrivateFile(file, JSON.stringify(ports));
  return ports;
};

/** Whether `::1` can be listened on: `localhost` is both addresses where it can. */
const hasIpv6Loopback = (): Promise<boolean> =>
  new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(false));
    probe.listen({ host: '::1', port: 0 }, () => probe.close(() => done(true)));
  });

/** The environment of both servers without settings of a server that the shell may have. */
const inheritedEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(NYX_(?!CACHE_DIR$)|MONGODB_URI|REDIS_URL|VITEST|NODE_OPTIONS)/.test(name),
    ),
  );

type Shared = {
  readonly folder: string;
  readonly bind: string;
  readonly authorityFile: string;
  readonly mongoUri: string;
  readonly redisUri: string;
  readonly options: DemoOptions;
};

const prepareServer = async (
  shared: Shared,
  authority: TestCertificateAuthority,
  number: number,
  port: number,
  tlsPort: number,
): Promise<DemoServer> => {
  const { folder, bind, authorityFile, mongoUri, redisUri, options } = shared;
  const home = join(folder, `server${number}`);
  await makePrivateFolder(home);
  const identity = authority.issue(['localhost', '127.0.0.1', '::1']);
  const cert = join(home, 'tls.crt');
  const key = join(home, 'tls.key');
  await writeFile(cert, identity.cert);
  await writePrivateFile(key, identity.key);
  const settings = {
    name: `localhost:${tlsPort}`,
    url: `http://localhost:${port}`,
    dataDir: join(home, 'data'),
    logFile: join(home, 'log.jsonl'),
    databaseName: `nyx_demo_${number}`,
    redisPrefix: `nyx_demo_${number}`,
  };
  const env = {
    ...inheritedEnvironment(),
    NYX_SERVER_NAME: settings.name,
    NYX_BIND: bind,
    NYX_PORT: String(port),
    NYX_PUBLIC_URL: settings.url,
    NYX_TLS_PORT: String(tlsPort),
    NYX_TLS_CERT: cert,
    NYX_TLS_KEY: key,
    NYX_EXTRA_CA: authorityFile,
    NYX_ALLOW_PRIVATE_ADDRESSES: 'true',
    NYX_DATA_DIR: settings.dataDir,
    NYX_DATABASE_NAME: settings.databaseName,
    NYX_REDIS_PREFIX: settings.redisPrefix,
    NYX_SERVER__WEB_CLIENT__ENABLED: String(options.webClient ?? true),
    MONGODB_URI: mongoUri,
    REDIS_URL: redisUri,
    ...options.env,
  };
  return new DemoServer({ ...settings, env });
};

const registeredSchema = z.object({ user_id: z.string() });
const USER_IN_USE = 'M_USER_IN_USE';

const seedUser = async (server: DemoServer, username: string): Promise<DemoUser> => {
  const response = await fetch(`${server.url}/_matrix/client/v3/register`, {
    method: 'POST',
    body: JSON.stringify({
      username,
      password: SEED_PASSWORD,
      inhibit_login: true,
      auth: { type: 'm.login.dummy' },
    }),
  });
  const answer: unknown = await response.json();
  if (response.ok)
    return { userId: registeredSchema.parse(answer).user_id, username, password: SEED_PASSWORD };
  if (z.object({ errcode: z.literal(USER_IN_USE) }).safeParse(answer).success) {
    return { userId: `@${username}:${server.name}`, username, password: SEED_PASSWORD };
  }
  throw new DemoStartError(`${server.name} refused to register ${username}: ${response.status}`);
};

const seed = (server: DemoServer, usernames: readonly string[]): Promise<DemoUser[]> =>
  Promise.all(usernames.map((username) => seedUser(server, username)));

const startServices = async (folder: string, stack: AsyncDisposableStack, options: DemoOptions) => {
  const machine = thisMachine(options.report);
  const throwAway = options.dataDir === undefined;
  const mongo = startEmbeddedMongo(
    { folder: join(folder, 'mongodb'), cacheMegabytes: 256, binary: undefined, throwAway },
    machine,
  );
  const redis = startEmbeddedRedis({ folder: join(folder, 'redis'), binary: undefined, throwAway }, machine);
  const client =
    options.webClient === false ? undefined : ensureWebClient({ env: process.env, report: options.report });
  const settled = await Promise.allSettled([mongo, redis, client]);
  if (settled[0].status === 'fulfilled') stack.use(settled[0].value);
  if (settled[1].status === 'fulfilled') stack.use(settled[1].value);
  return { mongoUri: (await mongo).uri, redisUri: (await redis).uri };
};

/**
 * Starts two homeservers that federate over TLS from an authority made for the purpose, each in a process of its own
 * with its own database, Redis namespace and keys, and each serving the web client on plain `http://localhost:PORT`,
 * which browsers treat as a secure context.
 * @throws ServiceNotFoundError, DemoStartError
 */
export const startDemo = async (options: DemoOptions): Promise<Demo> => {
  await using stack = new AsyncDisposableStack();
  const folder =
    options.dataDir === undefined ? await makeTemporaryFolder('nyx-demo-') : resolve(options.dataDir);
  if (options.dataDir === undefined) stack.defer(() => rm(folder, { recursive: true, force: true }));
  await makePrivateFolder(folder);
  const { mongoUri, redisUri } = await startServices(folder, stack, options);
  const [port1, port2, tls1, tls2] = await choosePorts(folder, options.usualPorts ?? false);
  const authority = new TestCertificateAuthority('Nyx demo authority');
  const authorityFile = join(folder, 'authority.pem');
  await writeFile(authorityFile, authority.cert);
  const bind = (await hasIpv6Loopback()) ? '127.0.0.1,::1' : '127.0.0.1';
  const shared = { folder, bind, authorityFile, mongoUri, redisUri, options };
  const first = stack.use(await prepareServer(shared, authority, 1, port1, tls1));
  const second = stack.use(await prepareServer(shared, authority, 2, port2, tls2));
  await Promise.all([first.start(), second.start()]);
  const [names1, names2] = options.seed === true ? SEEDED : NOBODY;
  const users = [await seed(first, names1), await seed(second, names2)] as const;
  const running = stack.move();
  return {
    servers: [first, second],
    users,
    mongoUri,
    redisUri,
    authorityFile,
    folder,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
};
