import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { manifestSchema } from '@nyx/plugin-sdk/manifest.ts';
import { comparePermissions } from '@nyx/plugin-sdk/permissions.ts';
import { isCompatible, SDK_VERSION } from '@nyx/plugin-sdk/version.ts';

const MAX_BYTES = 5_242_880;
const MAX_FILES = 1_000;

/** Files of the plugin itself, relative to its folder; what it depends on is not counted. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split('/').includes('node_modules'));

/** What is wrong with the plugin in a folder, a line each: schema, SDK, permissions, files, size, integrity. */
export const checkFolder = (folder: string): string[] => {
  const file = join(folder, 'plugin.json');
  if (!existsSync(file)) return ['there is no plugin.json'];
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return ['plugin.json is no JSON'];
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success)
    return parsed.error.issues.map(({ path, message }) => `plugin.json: ${path.join('.')}: ${message}`);
  const manifest = parsed.data;
  const { missing, unused } = comparePermissions(manifest);
  const files = filesOf(folder);
  const bytes = files.reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
  const hashes = Object.entries(manifest.integrity ?? {});
  return [
    ...(isCompatible(manifest.sdk) ? [] : [`it wants SDK ${manifest.sdk}; this is ${SDK_VERSION}`]),
    ...missing.map((permission) => `the permission ${permission} is missing`),
    ...unused.map((permission) => `the permission ${permission} is not needed`),
    ...Object.values(manifest.entry)
      .filter((path) => path !== undefined)
      .filter((path) => !existsSync(join(folder, path)))
      .map((path) => `${path} is missing`),
    ...(bytes > MAX_BYTES ? [`it has ${bytes} bytes; at most ${MAX_BYTES} are allowed`] : []),
    ...(files.length > MAX_FILES ? [`it has ${files.length} files; at most ${MAX_FILES} are allowed`] : []),
    ...hashes.flatMap(([path, expected]) => {
      if (!files.includes(path)) return [`${path} has a hash and is missing`];
      const hash = createHash('sha256')
        .update(readFileSync(join(folder, path)))
        .digest('base64');
      return `sha256-${hash}` === expected ? [] : [`${path} differs from its hash`];
    }),
    ...(hashes.length === 0
      ? []
      : files
          .filter((path) => path !== 'plugin.json' && !Object.hasOwn(manifest.integrity ?? {}, path))
          .map((path) => `${path} has no hash`)),
  ];
};
