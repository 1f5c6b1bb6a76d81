import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { exampleYaml } from '@nyx/config/document.ts';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { testServices } from '../../src/testing/services.ts';
import { runNyx, startNyx } from './run-nyx.ts';

// Whole processes are started here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const services = testServices();
afterAll(() => services[Symbol.asyncDispose]());

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A server on the run's services: starts in a second. */
const onTestServices = () => ({
  NYX_DATA_DIR: join(folder, 'data'),
  NYX_PORT: '0',
  MONGODB_URI: services.mongoUri,
  REDIS_URL: services.redisUri,
  NYX_DATABASE_NAME: services.databaseName,
  NYX_REDIS_PREFIX: services.redisPrefix,
  NYX_SERVER__WEB_CLIENT__ENABLED: 'false',
});
const ownServices = () => ({
  NYX_DATA_DIR: join(folder, 'data'),
  NYX_PORT: '0',
  NYX_SERVER__WEB_CLIENT__ENABLED: 'false',
});

const versions = async (url: string): Promise<unknown> =>
  (await fetch(`${url}/_matrix/client/versions`)).json();

const rssMegabytes = async (pid: number | undefined): Promise<number> =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1_024;

/** A Node.js on PATH that is older than what Nyx needs. */
const oldNode = (process.env.PATH ?? '')
  .split(delimiter)
  .map((path) => join(path, 'node'))
  .filter((path) => !path.includes('node_modules') && existsSync(path))
  .find(
    (path) => Number(/^v(\d+)/.exec(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout)?.[1]) < 24,
  );

describe('nyx start', () => {
  it('runs with what it finds, and stops all of it', async () => {
    const nyx = await startNyx({
      args: ['start'],
      env: { ...ownServices(), NYX_SERVER__WEB_CLIENT__ENABLED: 'true' },
    });
    expect((await (await fetch(nyx.url)).text()).toLowerCase()).toContain('<!doctype html>');
    expect(await versions(nyx.url)).toMatchObject({ versions: expect.arrayContaining(['v1.11']) as unknown });
    expect(nyx.output()).toMatch(
      /nyx: MongoDB .*, run by this server \(.+\)\nnyx: Redis .*, run by this server \(.+\)/,
    );
    expect(await nyx.stop('SIGTERM')).toBe(0);
    // Standard output is the log and nothing but the log; each line is an object.
    const log = nyx
      .stdout()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(log).toContainEqual(
      expect.objectContaining({ msg: 'request', operation: 'getVersions', status: 200 }),
    );
    const commandLines = await Promise.all(
      (await readdir('/proc'))
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    expect(commandLines.filter((line) => line.includes(folder))).toEqual([]);
    expect(nyx.output()).not.toMatch(/mongodb:\/\/|redis:\/\/|ed25519 /);
  });

  it('starts again after kill -9 in the middle of its work, with the same keys, in little memory', async () => {
    const first = await startNyx({ args: [], env: ownServices() });
    const keys = await readFile(join(folder, 'data/secrets/signing.key'), 'utf8');
    await first.stop('SIGKILL');
    await using second = await startNyx({ args: [], env: ownServices() });
    expect(await versions(second.url)).toHaveProperty('versions');
    // What `npm start` costs from the second time on, with the compiled code in the cache.
    expect(await rssMegabytes(second.child.pid)).toBeLessThan(250);
    expect(await readFile(join(folder, 'data/secrets/signing.key'), 'utf8')).toBe(keys);
  });

  it.runIf(process.platform === 'linux')('runs with the memory settings that it needs', async () => {
    await using server = await startNyx({ args: ['start'], env: onTestServices() });
    const { pid } = server.child;
    expect((await readFile(`/proc/${String(pid)}/cmdline`, 'utf8')).split('\0')).toContain(
      '--max-semi-space-size=8',
    );
    expect((await readFile(`/proc/${String(pid)}/environ`, 'utf8')).split('\0')).toContain(
      'MALLOC_ARENA_MAX=2',
    );
  });

  it('refuses a data folder that a living server uses, and leaves that one alone', async () => {
    await using first = await startNyx({ args: [], env: ownServices() });
    const second = await runNyx({ args: ['start'], env: ownServices() });
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toContain(`is used by process ${String(first.child.pid)}`);
    expect(await versions(first.url)).toHaveProperty('versions');
  });

  it('reports every mistake of a wrong configuration and starts nothing', async () => {
    const file = join(folder, 'bad.yaml');
    await writeFile(
      file,
      [
        'server: { nme: x, tls: { port: 1, cert: absent.pem }, trustedProxies: [everybody] }',
        'media: { maxUpload: big }',
        'registration: { sharedSecretFile: absent.secret }',
        'database: { uri: "mysql://root:hunter2@127.0.0.1/" }',
      ].join('\n'),
    );
    const result = await runNyx({
      args: ['start', '--config', file],
      env: {
        ...ownServices(),
        NYX_BIND: '0.0.0.0,here',
        NYX_EXTRA_CA: file,
        REDIS_URL: 'http://127.0.0.1:6379',
      },
    });
    expect(result).toMatchObject({ code: 78, stdout: '' });
    const paths = [
      'server.nme',
      'server.name',
      'server.bind.1 (from NYX_BIND)',
      'server.tls.cert',
      'server.tls.key',
      'server.trustedProxies.0',
      'media.maxUpload',
      'registration.sharedSecretFile',
      'database.uri',
      'redis.uri (from REDIS_URL)',
      'federation.extraCa (from NYX_EXTRA_CA)',
    ];
    for (const path of paths) expect(result.stderr).toContain(`  ${path}: `);
    expect(result.stderr.match(/ fix: /g)).toHaveLength(paths.length);
    expect(result.stderr).not.toContain('hunter2');
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });

  it('says which port is taken, and what to do, before it starts anything', async () => {
    await using first = await startNyx({ args: [], env: onTestServices() });
    const data = join(folder, 'second');
    const second = await runNyx({
      args: [],
      env: { ...ownServices(), NYX_PORT: new URL(first.url).port, NYX_DATA_DIR: data },
    });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/EADDRINUSE.*\nTo fix it: .*NYX_PORT/);
    expect(existsSync(data)).toBe(false);
  });

  it('listens on all addresses of both families when both are named', async () => {
    await using nyx = await startNyx({
      args: [],
      env: { ...onTestServices(), NYX_BIND: '0.0.0.0,::', NYX_SERVER_NAME: 'both.test' },
    });
    await expect.poll(() => nyx.output().match(/nyx: listening on http:\S+/g)).toHaveLength(2);
    for (const [, port = ''] of nyx.output().matchAll(/nyx: listening on http:\/\/0\.0\.0\.0:(\d+)/g))
      expect(await versions(`http://127.0.0.1:${port}`)).toHaveProperty('versions');
    for (const [, port = ''] of nyx.output().matchAll(/nyx: listening on http:\/\/\[::\]:(\d+)/g))
      expect(await versions(`http://[::1]:${port}`)).toHaveProperty('versions');
  });

  it('explains a database that does not answer', async () => {
    const result = await runNyx({
      args: [],
      env: { ...onTestServices(), MONGODB_URI: 'mongodb://user:hunter2@127.0.0.1:1/' },
    });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('127.0.0.1:1');
    expect(result.stderr).not.toContain('hunter2');
  });
});

describe('the launcher', () => {
  it.skipIf(oldNode === undefined)('runs the pinned Node.js when an older one starts it', async () => {
    const result = await runNyx({
      args: ['doctor'],
      env: onTestServices(),
      ...(oldNode === undefined ? {} : { node: oldNode }),
    });
    expect(result.stderr).toBe('');
    expect(result.stdout).toMatch(/Node\.js +v2[4-9]\..*, pinned by this repository, compile cache \//);
  });

  it.skipIf(oldNode === undefined)('says what is missing where no pinned Node.js is installed', () => {
    const script = join(folder, 'bin', 'nyx.js');
    const launcher = join(import.meta.dirname, '../../bin/nyx.js');
    spawnSync('sh', [
      '-c',
      `mkdir -p ${join(folder, 'bin')} && cp ${launcher} ${script} && echo '{"type":"module"}' > ${folder}/package.json`,
    ]);
    const result = spawnSync(oldNode ?? '', [script, 'start'], { encoding: 'utf8' });
    expect(result.status).toBe(78);
    expect(result.stderr).toMatch(
      /Nyx needs Node\.js 24 or newer\. .*no pinned one is installed\.\nTo fix it: run "npm ci"/,
    );
  });
});

describe('the other commands', () => {
  it('generate-config writes the example once', async () => {
    const output = join(folder, 'homeserver.yaml');
    const args = ['generate-config', '--server-name', 'example.org', '-o', output];
    expect(await runNyx({ args })).toMatchObject({ code: 0, stderr: '' });
    expect(await readFile(output, 'utf8')).toBe(exampleYaml('example.org'));
    expect(await runNyx({ args })).toMatchObject({
      code: 1,
      stderr: `nyx: ${output} is there already; nothing was written.\n`,
    });
  });

  it('create-user makes users with and without a running server', async () => {
    const env = onTestServices();
    const passwordFile = join(folder, 'password');
    await writeFile(passwordFile, 'a long password\n');
    const alone = await runNyx({
      args: ['create-user', 'root', '--admin', '--password-file', passwordFile],
      env,
    });
    expect(alone).toMatchObject({ code: 0, stdout: '@root:localhost\n' });
    expect(alone.stderr).toContain('started one for this command');

    await using nyx = await startNyx({ args: [], env });
    const port = { NYX_PORT: new URL(nyx.url).port };
    const piped = await runNyx({
      args: ['create-user', 'dora'],
      env: { ...env, ...port },
      input: 'her password\n',
    });
    expect(piped).toMatchObject({ code: 0, stdout: '@dora:localhost\n', stderr: '' });
    const again = await runNyx({
      args: ['create-user', 'dora'],
      env: { ...env, ...port },
      input: 'her password\n',
    });
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toMatch(/^nyx: M_USER_IN_USE: .+\n$/);

    const login = async (user: string, password: string): Promise<number> => {
      const body = JSON.stringify({
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user },
        password,
      });
      return (await fetch(`${nyx.url}/_matrix/client/v3/login`, { method: 'POST', body })).status;
    };
    expect([await login('root', 'a long password'), await login('dora', 'her password')]).toEqual([200, 200]);
    expect(await login('dora', 'another')).toBe(403);
    expect(nyx.output()).not.toMatch(/long password|her password/);
  });

  it('keys shows and rotates the signing key without printing its private half', async () => {
    const env = onTestServices();
    const shown = await runNyx({ args: ['keys'], env });
    expect(shown.stdout).toMatch(/^ed25519:\w+ [A-Za-z0-9+/]{43} in use\n$/);
    const rotated = await runNyx({ args: ['keys', 'rotate'], env });
    expect(rotated.stdout.split('\n')[1]).toMatch(
      new RegExp(`^${shown.stdout.split(' in use')[0]?.replaceAll('+', '\\+') ?? ''} until 20`),
    );
    const [, , seed = ''] = (await readFile(join(folder, 'data/secrets/signing.key'), 'utf8'))
      .trim()
      .split(' ');
    expect(rotated.stdout).not.toContain(seed);
  });

  it('migrate lists and does what is to be done, once', async () => {
    const env = onTestServices();
    const fresh = { ...env, NYX_DATABASE_NAME: `${services.databaseName}_m` };
    const planned = await runNyx({ args: ['migrate', '--dry-run'], env: fresh });
    expect(planned.stdout).toContain('0001-');
    expect((await runNyx({ args: ['migrate'], env: fresh })).stdout).toBe(planned.stdout);
    expect(await runNyx({ args: ['migrate'], env: fresh })).toMatchObject({ code: 0, stdout: '' });
  });

  it('doctor fails on what a start would fail on', async () => {
    const good = await runNyx({ args: ['doctor'], env: onTestServices() });
    expect(good.stdout).toMatch(/ok +MongoDB +database\.uri: version .*, replica set nyx of 1/);
    expect(good.code).toBe(0);
    const bad = await runNyx({
      args: ['doctor'],
      env: { ...onTestServices(), REDIS_URL: 'redis://127.0.0.1:1', NYX_TLS_PORT: '1' },
    });
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/FAIL +configuration +The configuration has 2 mistakes/);
  });

  it('an unknown command shows the help', async () => {
    const result = await runNyx({ args: ['strat'] });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('Usage: nyx');
  });
});
