import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { exampleYaml, referenceMarkdown } from './document.ts';
import { loadConfig } from './load.ts';
import { listSettings } from './settings.ts';

const repository = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const load = (yaml: string) =>
  loadConfig({ argv: ['--config', 'x'], env: {}, readFile: () => yaml, kindOf: () => undefined });
const defaults = loadConfig({ argv: [], env: {}, readFile: () => '', kindOf: () => undefined });

/** Every commented setting made live, sections included. */
const uncommented = (yaml: string) =>
  yaml
    .split('\n')
    .map((line) => line.replace(/^(\s*)#(?=[A-Za-z0-9]+:)/, '$1'))
    .join('\n');

describe('the generated files', () => {
  it('are up to date (else run "npm run generate:config")', () => {
    expect(repository('config/homeserver.example.yaml')).toBe(exampleYaml());
    expect(repository('docs/configuration.md')).toBe(referenceMarkdown());
  });

  it('name every setting', () => {
    const reference = referenceMarkdown();
    const missing = listSettings().filter(
      ({ path, env }) =>
        path[0] !== 'rateLimits' && !reference.includes(`| \`${env[0] ?? ''}\` |`) && path.length > 0,
    );
    expect(missing).toEqual([]);
  });
});

describe('the example file', () => {
  it('means what no file means', () => {
    expect(load(exampleYaml())).toEqual(defaults);
  });

  it('has the name that was asked for', () => {
    expect(load(exampleYaml('chat.example.org')).server).toEqual({
      ...defaults.server,
      name: 'chat.example.org',
    });
  });

  it('is right about every default', () => {
    const live = parse(uncommented(exampleYaml())) as Record<string, Record<string, unknown>>;
    const settings = listSettings().filter(({ node }) => node.default !== undefined);
    expect(settings.length).toBeGreaterThan(40);
    const only: Record<string, unknown> = {};
    for (const { path } of settings) {
      let from: unknown = live;
      for (const key of path) from = (from as Record<string, unknown>)[key];
      let to = only;
      for (const key of path.slice(0, -1)) to = (to[key] ??= {}) as Record<string, unknown>;
      to[path.at(-1) ?? ''] = from;
    }
    expect(load(JSON.stringify(only))).toEqual(defaults);
  });
});
