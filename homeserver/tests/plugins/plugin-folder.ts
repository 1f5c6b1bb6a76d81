import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ManifestInput } from '@nyx/plugin-sdk/manifest.ts';

/** A plugin on disk, removed at the end. `source` is the text of its server entry. */
export const pluginFolder = (
  source: string,
  manifest: Partial<ManifestInput> & Pick<ManifestInput, 'contributes' | 'permissions'>,
): { readonly path: string } & Disposable => {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'nyx-plugin-')));
  mkdirSync(join(path, 'src'));
  writeFileSync(join(path, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(path, 'src/server.ts'), source);
  const whole: ManifestInput = {
    id: 'org.example.test',
    version: '1.0.0',
    sdk: '^0.1.0',
    name: 'Test',
    entry: { server: 'src/server.ts' },
    ...manifest,
  };
  writeFileSync(join(path, 'plugin.json'), JSON.stringify(whole));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};
