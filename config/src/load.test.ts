import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { listensOnLoopbackOnly, registrationIsOpen } from './derived.ts';
import { loadConfig, readConfig } from './load.ts';
import { ConfigError } from './problems.ts';
import { listSettings } from './settings.ts';

const files =
  (content: Record<string, string>) =>
  (path: string): string => {
    const text = content[path];
    if (text === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    return text;
  };

/** What every test reads from: files by name, and nothing else on the disk. */
const disk = (content: Record<string, string> = {}) => ({
  readFile: files(content),
  kindOf: (path: string) => (content[path] === undefined ? undefined : ('file' as const)),
});

const load = (yaml: string, env: Record<string, string> = {}, others: Record<string, string> = {}) =>
  loadConfig({ argv: ['--config', 'nyx.yaml'], env, ...disk({ 'nyx.yaml': yaml, ...others }) });

const problemsOf = (yaml: string, env: Record<string, string> = {}) => {
  try {
    load(yaml, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

describe('loadConfig', () => {
  it('has defaults for everything', () => {
    const config = loadConfig({ argv: [], env: {}, ...disk() });
    expect(config.server).toMatchObject({
      name: 'localhost',
      port: 8008,
      bind: ['127.0.0.1'],
      dataDir: './data',
    });
    expect(config.media.maxUpload).toBe(50 * 1_048_576);
    expect(config.federation.requestTimeout).toBe(120_000);
    expect(config.rateLimits.enabled).toBe(true);
    expect(registrationIsOpen(config)).toBe(true);
  });

  it('reads every fixed environment name', () => {
    const config = loadConfig({
      argv: [],
      env: {
        NYX_SERVER_NAME: 'example.org',
        NYX_BIND: '0.0.0.0, ::',
        NYX_PORT: '0',
        NYX_DATA_DIR: '/srv/nyx',
        NYX_REGISTRATION_OPEN: 'true',
        NYX_REGISTRATION_SHARED_SECRET: 'hush',
        NYX_RATE_LIMITS: 'off',
        NYX_ALLOW_PRIVATE_ADDRESSES: '1',
        MONGODB_URI: 'mongodb://127.0.0.1/',
        REDIS_URL: 'redis://127.0.0.1/',
      },
      ...disk(),
    });
    expect(config.server).toMatchObject({
      name: 'example.org',
      bind: ['0.0.0.0', '::'],
      port: 0,
      dataDir: '/srv/nyx',
    });
    expect(config.federation.allowPrivateAddresses).toBe(true);
    expect(config.registration.open).toBe(true);
    expect(config.registration.sharedSecret?.reveal()).toBe('hush');
    expect(config.rateLimits.enabled).toBe(false);
    expect(config.database.uri?.reveal()).toBe('mongodb://127.0.0.1/');
    expect(config.redis.uri?.reveal()).toBe('redis://127.0.0.1/');
    // Those that name files are read too: these files are not there.
    const paths = problemsOf('', {
      NYX_TLS_PORT: '8448',
      NYX_TLS_CERT: '/c.pem',
      NYX_TLS_KEY: '/k.pem',
      NYX_EXTRA_CA: '/ca.pem',
    }).map(({ path }) => path);
    expect(paths).toEqual([
      'server.tls.cert (from NYX_TLS_CERT)',
      'server.tls.key (from NYX_TLS_KEY)',
      'federation.extraCa (from NYX_EXTRA_CA)',
    ]);
  });

  it('lets the environment override the file, by fixed and by general names', () => {
    const config = load('server: { port: 1, name: file.example }\nmedia: { maxUpload: 1MiB }', {
      NYX_PORT: '2',
      NYX_MEDIA__MAX_UPLOAD: '3kB',
      NYX_RATE_LIMITS__LOGIN__BURST: '7',
      NYX_DATA_DIR: '',
    });
    expect(config.server).toMatchObject({ port: 2, name: 'file.example', dataDir: './data' });
    expect(config.media.maxUpload).toBe(3_000);
    expect(config.rateLimits.login).toEqual({ perSecond: 0.2, burst: 7 });
  });

  it('reads secrets from files and never prints them', () => {
    const config = load(
      'registration: { sharedSecretFile: /run/secret }',
      { MONGODB_URI: 'mongodb://u:p@h/' },
      {
        '/run/secret': 'from-file\n',
      },
    );
    expect(config.registration.sharedSecret?.reveal()).toBe('from-file');
    const printed = `${JSON.stringify(config)} ${inspect(config, { depth: 9 })} ${String(config.database.uri)}`;
    expect(printed).not.toMatch(/from-file|u:p/);
  });

  it('treats an emptied section as not set', () => {
    expect(load('server:\nmedia:\n  maxUpload:\n').server.port).toBe(8008);
  });

  it('warns of environment names that look like ours', () => {
    const { warnings } = readConfig({
      argv: [],
      env: { NYX_SERVERNAME: 'x', NYX_TEST_LONG: '1' },
      ...disk(),
    });
    expect(warnings).toEqual([
      'NYX_SERVERNAME in the environment is not a setting and was ignored; did you mean NYX_SERVER_NAME?',
    ]);
  });
});

describe('a wrong configuration', () => {
  it('is reported whole: types, unknown keys, combinations, environment', () => {
    const problems = problemsOf(
      `
server: { nme: a, name: "a b", bind: [0.0.0.0], tls: { port: 3 } }
foo: 1
media: { maxUpload: 3parsecs }
registration: { sharedSecretFile: /absent }
turn: { uris: ["turn:x"] }
plugins: { load: [{ pth: 3 }] }`,
      { NYX_PORT: 'abc', NYX_MEDIA__MAXUPLOAD: '1' },
    );
    const paths = problems.map(({ path }) => path).sort();
    expect(paths).toEqual(
      [
        'NYX_MEDIA__MAXUPLOAD',
        'foo',
        'media.maxUpload',
        'plugins.load.0.path',
        'plugins.load.0.pth',
        'registration.sharedSecretFile',
        'server.name',
        'server.nme',
        'server.port (from NYX_PORT)',
        'server.tls.cert',
        'server.tls.key',
        'turn.uris',
      ].sort(),
    );
    expect(problems.every(({ fix }) => fix.length > 0)).toBe(true);
    expect(problems.find(({ path }) => path === 'server.nme')?.fix).toBe('write name, or remove it');
    expect(problems.find(({ path }) => path === 'NYX_MEDIA__MAXUPLOAD')?.fix).toBe(
      'use NYX_MEDIA__MAX_UPLOAD',
    );
  });

  it('names the file and the line of broken YAML', () => {
    expect(problemsOf('server:\n  port: 1\n  port: 2')[0]).toMatchObject({ path: 'nyx.yaml:3:3' });
  });

  it('names a file that cannot be read, and an option without one', () => {
    const attempt = (argv: string[]) => () => loadConfig({ argv, env: {}, ...disk() });
    expect(attempt(['--config=gone.yaml'])).toThrow(/gone\.yaml: no such file/);
    expect(attempt(['--config'])).toThrow(/--config: no file named/);
  });

  it('never repeats a value, which could be a secret', () => {
    const message = problemsOf('registration: { sharedSecret: [hunter2] }', { MONGODB_URI_FILE: 'hunter2' })
      .map(({ message: text, fix }) => text + fix)
      .join();
    expect(message).not.toContain('hunter2');
  });

  it.each([
    ['server: { bind: [0.0.0.0] }', 'server.name'],
    ['server: { tls: { port: 8008, cert: c, key: k } }', 'server.tls.port'],
    ['server: { roles: [http] }', 'database.uri'],
    ['database: { uri: "mongodb://a", uriFile: b }', 'database.uri'],
    ['turn: { uris: ["turn:x"] }', 'turn.uris'],
    ['turn: { sharedSecret: x }', 'turn.uris'],
    ['turn: { uris: ["turn:x"], sharedSecret: x, username: u, password: p }', 'turn.sharedSecret'],
    ['server: { bind: [127.0.0.1, 127.0.0.1] }', 'server.bind'],
    ['federation: { enabled: false, allowServers: [a] }', 'federation.allowServers'],
  ])('refuses the impossible %s', (yaml, path) => {
    expect(problemsOf(yaml).map((problem) => problem.path)).toContain(path);
  });
});

describe('an address', () => {
  it.each([
    ['MONGODB_URI', 'database.uri', 'mongodb://user:p%40ss@one:27017,two,[::1]:27018/db?replicaSet=rs0'],
    ['MONGODB_URI', 'database.uri', 'mongodb+srv://user:pass@cluster.example.org'],
    ['MONGODB_URI', 'database.uri', 'mongodb://%2Frun%2Fmongodb.sock/'],
    ['REDIS_URL', 'redis.uri', 'rediss://user:pass@redis.example.org:6380/3'],
    ['REDIS_URL', 'redis.uri', 'redis://:pass@[::1]'],
    ['REDIS_URL', 'redis.uri', '/run/redis.sock'],
    ['NYX_BIND', 'server.bind', '127.0.0.1, ::1, localhost, fe80::1%eth0'],
    ['NYX_SERVER__TRUSTED_PROXIES', 'server.trustedProxies', '127.0.0.1, 10.0.0.0/8, ::1, fd00::/8'],
  ])('%s (%s) may be %s', (variable, _path, value) => {
    expect(problemsOf('server: { name: a }', { [variable]: value })).toEqual([]);
  });

  it.each([
    ['MONGODB_URI', 'database.uri', 'postgres://localhost/nyx'],
    ['MONGODB_URI', 'database.uri', 'localhost:27017'],
    ['MONGODB_URI', 'database.uri', 'mongodb:///db'],
    ['MONGODB_URI', 'database.uri', 'mongodb://user:p@ss@host/'],
    ['MONGODB_URI', 'database.uri', 'mongodb://host:99999/'],
    ['MONGODB_URI', 'database.uri', 'mongodb+srv://one.example.org,two.example.org'],
    ['REDIS_URL', 'redis.uri', 'http://localhost:6379'],
    ['REDIS_URL', 'redis.uri', 'localhost:6379'],
    ['REDIS_URL', 'redis.uri', 'redis:///0'],
    ['REDIS_URL', 'redis.uri', 'redis://host:port/'],
    ['REDIS_URL', 'redis.uri', 'redis://host/name'],
    ['NYX_BIND', 'server.bind.0', 'not an address'],
    ['NYX_BIND', 'server.bind.1', '127.0.0.1,[::1]:8008'],
    ['NYX_BIND', 'server.bind.0', '300.0.0.1'],
    ['NYX_SERVER__TRUSTED_PROXIES', 'server.trustedProxies.0', '10.0.0.0/33'],
    ['NYX_SERVER__TRUSTED_PROXIES', 'server.trustedProxies.0', 'proxy.example.org'],
    ['NYX_SERVER__TRUSTED_PROXIES', 'server.trustedProxies.1', '::1, fd00::/129'],
    ['NYX_SERVER__TRUSTED_PROXIES', 'server.trustedProxies.0', '10.0.0.0/8/8'],
  ])('%s (%s) may not be %s, which is not repeated', (variable, path, value) => {
    const [only, ...others] = problemsOf('server: { name: a }', { [variable]: value });
    expect(others).toEqual([]);
    expect(only?.path).toBe(`${path} (from ${variable})`);
    expect(`${only?.message ?? ''} ${only?.fix ?? ''}`).not.toContain(value);
  });
});

describe('a time that is waited', () => {
  it.each(['0s', '25d', '1.5', 'soon'])('may not be %s', (text) => {
    expect(problemsOf('', { NYX_FEDERATION__CONNECT_TIMEOUT: text }).map(({ path }) => path)).toEqual([
      'federation.connectTimeout (from NYX_FEDERATION__CONNECT_TIMEOUT)',
    ]);
  });

  it('may be a day, and other times may be longer', () => {
    const config = load('federation: { connectTimeout: 1d, maxRetryInterval: 60d }');
    expect(config.federation).toMatchObject({ connectTimeout: 86_400_000, maxRetryInterval: 5_184_000_000 });
  });
});

describe('what follows from the configuration', () => {
  it.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['0.0.0.0', false],
    ['192.0.2.1', false],
  ])('registration on %s is open: %s', (bind, open) => {
    const config = load(`server: { name: a, bind: ["${bind}"] }`);
    expect(listensOnLoopbackOnly(config)).toBe(open);
    expect(registrationIsOpen(config)).toBe(open);
  });

  it('gives every setting a description and an environment name of its own', () => {
    const settings = listSettings();
    const names = settings.flatMap(({ env }) => env);
    expect(new Set(names).size).toBe(names.length);
    const bare = settings.filter(
      ({ node, path }) => node.description === undefined && path[0] !== 'rateLimits',
    );
    expect(bare.map(({ path }) => path.join('.'))).toEqual([]);
  });
});
