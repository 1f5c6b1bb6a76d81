import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'STYLE.md',
  'SECURITY.md',
  'docs/operating.md',
  'docs/STATUS.md',
  'docs/threat-model.md',
  'config/deploy/README.md',
];

describe('the documents', () => {
  it('name scripts that exist', () => {
    for (const path of documents) {
      const named = read(path).matchAll(/npm run ([a-z:-]+)(?: -w ([a-z/]+))?/g);
      for (const [, name = '', workspace = '.'] of named) {
        const { scripts } = JSON.parse(read(join(workspace, 'package.json'))) as {
          scripts: Record<string, string>;
        };
        expect(Object.keys(scripts), `${path} names npm run ${name} in ${workspace}`).toContain(name);
      }
    }
  });

  it.each(documents)('%s links to files that exist', (path) => {
    const text = read(path).replaceAll(/```[^]*?```/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(((?!https?:)[^)#]+)[^)]*\)/g)) {
      expect(existsSync(join(root, path, '..', target)), `${path} links to ${target}`).toBe(true);
    }
  });

  it('name nyx commands that exist', () => {
    const program = read('homeserver/src/cli/main.ts');
    for (const path of documents) {
      for (const [, name = ''] of read(path).matchAll(/(?:npm run nyx -- |nyx\.js )([a-z-]+)/g)) {
        expect(program, `${path} names nyx ${name}`).toContain(`.command('${name}`);
      }
    }
  });

  it("have the test command that CI runs: the README's", () => {
    expect(read('README.md')).toContain('npm ci && npm test');
    const ci = read('.ci/run');
    expect(ci).toMatch(/^step install npm ci \|\| exit 1$/m);
    expect(ci).toMatch(/^step tests .* npm test$/m);
    expect(ci).toMatch(/^step check npm run check$/m);
  });
});
