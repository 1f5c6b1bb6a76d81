import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { machineWith } from './testing/machine.ts';
import { findChromium, findTurnServer, pythonEnvironment } from './tools.ts';

vi.setConfig({ testTimeout: 120_000 });

let folder: string;
let bin: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-tools-'));
  bin = join(folder, 'bin');
  await mkdir(bin);
});
afterEach(() => rm(folder, { recursive: true }));

const install = async (name: string, script: string): Promise<string> => {
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, name), 0o755);
  return join(bin, name);
};
const machine = (env: Record<string, string> = {}, uid = 1_000) =>
  machineWith({ uid, platform: 'linux', env: { PATH: bin, NYX_CACHE_DIR: join(folder, 'cache'), ...env } });

describe('programs of the tests', () => {
  it('are taken from PATH, or where a variable says', async () => {
    const path = await install('google-chrome', 'exit 0');
    expect(await findChromium(machine())).toEqual({
      path,
      source: expect.stringContaining('on PATH') as unknown,
    });
    const named = await install('other', 'exit 0');
    expect(await findChromium(machine({ NYX_TEST_CHROMIUM: named }))).toEqual({ path: named, source: named });
    expect((await findTurnServer(machine({ NYX_TEST_TURNSERVER: named }))).path).toBe(named);
  });

  it('are installed by root through apt', async () => {
    await install('apt-get', `printf '#!/bin/sh\\n' > ${bin}/turnserver; /bin/chmod 755 ${bin}/turnserver`);
    expect((await findTurnServer(machine({}, 0))).path).toBe(join(bin, 'turnserver'));
  });

  it('are missed with every reason and what to do', async () => {
    await expect(findChromium(machine({ NYX_TEST_CHROMIUM: '/absent' }))).rejects.toThrow(
      /No Chromium could be found or fetched:\n {2}- \/absent: not there\n.*on PATH: not installed\n.*no apt-get here\nTo fix it: .*NYX_TEST_CHROMIUM/,
    );
  });
});

describe('pythonEnvironment', () => {
  /** A Python that makes an environment whose own Python writes down what it is told to install. */
  const python = (installExit: number) =>
    install(
      'python3',
      [
        `[ "$2" = venv ] || exit 9`,
        `/bin/mkdir -p "$3/bin"`,
        `printf '#!/bin/sh\\necho "$@" >> ${folder}/log\\necho "ERROR: nothing found" >&2\\nexit ${installExit}\\n' > "$3/bin/python"`,
        `/bin/chmod 755 "$3/bin/python"`,
      ].join('\n'),
    );

  it('is made once for a set of requirements', async () => {
    await python(0);
    const [first, same] = await Promise.all([
      pythonEnvironment(['b==2', 'a==1'], machine()),
      pythonEnvironment(['b==2', 'a==1'], machine()),
    ]);
    expect(same).toBe(first);
    expect(await pythonEnvironment(['a==1', 'b==2'], machine())).toBe(first);
    expect(await pythonEnvironment(['a==2'], machine())).not.toBe(first);
    const log = (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n');
    expect(log).toHaveLength(2);
    expect(log[0]).toMatch(/^-m pip install .*--only-binary :all: b==2 a==1$/);
  });

  it('is not left half made', async () => {
    await python(1);
    const attempt = () => pythonEnvironment(['a==1'], machine());
    await expect(attempt()).rejects.toThrow('pip install a==1 failed: ERROR: nothing found');
    await python(0);
    await expect(attempt()).resolves.toMatch(/bin\/python$/);
    await rm(join(bin, 'python3'));
    await expect(pythonEnvironment(['c==1'], machine())).rejects.toThrow('no python3 on PATH');
  });
});
