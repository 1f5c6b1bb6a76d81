import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '@nyx/config/schema.ts';
import type { CheckHook } from '@nyx/plugin-sdk/server/hooks.ts';
import { manifestSchema, type Manifest } from '@nyx/plugin-sdk/manifest.ts';
import { comparePermissions } from '@nyx/plugin-sdk/permissions.ts';
import { isCompatible, SDK_VERSION } from '@nyx/plugin-sdk/version.ts';

/** What happens at a hook, as the plugin proposes and the operator decides. */
export type CheckRule = { readonly onFailure: 'open' | 'closed'; readonly timeoutMs: number };

/** A plugin that the configuration names, read and checked, not yet running. */
export type LoadedPlugin = {
  readonly manifest: Manifest;
  /** Real path of its folder. */
  readonly folder: string;
  /** Real path of the file that its process loads. */
  readonly entry: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly checks: ReadonlyMap<CheckHook, CheckRule>;
};

/** A plugin of the configuration cannot be loaded: the server does not start without what it was told to run. */
export class PluginLoadError extends Error {
  override readonly name = 'PluginLoadError';
  readonly code = 'plugin_load';
}

const MAX_MANIFEST_BYTES = 65_536;
const MAX_FILE_BYTES = 10_485_760;

/** The plugin's folder: a path, or the name of a package installed here or in a folder above. */
const findFolder = (path: string): string => {
  const direct = resolve(path);
  if (existsSync(join(direct, 'plugin.json'))) return realpathSync(direct);
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', path);
    if (existsSync(join(candidate, 'plugin.json'))) return realpathSync(candidate);
    if (dirname(folder) === folder) break;
  }
  throw new PluginLoadError(`${path} has no plugin.json, and no package of that name is installed`);
};

const readBounded = (file: string, maxBytes: number): Buffer => {
  if (statSync(file).size > maxBytes) throw new PluginLoadError(`${file} is larger than ${maxBytes} bytes`);
  return readFileSync(file);
};

const readManifest = (folder: string): Manifest => {
  const file = join(folder, 'plugin.json');
  let json: unknown;
  try {
    json = JSON.parse(readBounded(file, MAX_MANIFEST_BYTES).toString('utf8'));
  } catch (error) {
    if (error instanceof PluginLoadError) throw error;
    throw new PluginLoadError(`${file} is no JSON`, { cause: error });
  }
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new PluginLoadError(`${file}: ${problems.join('; ')}`);
};

/** Holds every file that the manifest names a hash of against it. */
const checkIntegrity = (folder: string, { integrity = {} }: Manifest): void => {
  for (const [path, expected] of Object.entries(integrity)) {
    const file = join(folder, path);
    if (!existsSync(file)) throw new PluginLoadError(`${file} is missing`);
    const hash = createHash('sha256').update(readBounded(file, MAX_FILE_BYTES)).digest('base64');
    if (`sha256-${hash}` !== expected) throw new PluginLoadError(`${file} is not the file that was packed`);
  }
};

type Entry = Config['plugins']['load'][number];

const rulesOf = (
  manifest: Manifest,
  { hooks, path }: Entry,
  longestMs: number,
): ReadonlyMap<CheckHook, CheckRule> => {
  const { checks } = manifest.contributes.server;
  for (const hook of Object.keys(hooks))
    if (!Object.hasOwn(checks, hook)) throw new PluginLoadError(`${path} has no hook ${hook}`);
  const rules = new Map<CheckHook, CheckRule>();
  for (const [hook, proposed] of Object.entries(checks)) {
    const decided = hooks[hook];
    rules.set(hook as CheckHook, {
      onFailure: decided?.onFailure ?? proposed.onFailure,
      timeoutMs: decided?.timeout ?? Math.min(proposed.timeoutMs ?? longestMs, longestMs),
    });
  }
  return rules;
};

const loadOne = (entry: Entry, longestMs: number): LoadedPlugin | undefined => {
  const folder = findFolder(entry.path);
  const manifest = readManifest(folder);
  if (!isCompatible(manifest.sdk))
    throw new PluginLoadError(`${manifest.id} wants SDK ${manifest.sdk}; this server has ${SDK_VERSION}`);
  const { missing } = comparePermissions(manifest);
  if (missing.length > 0)
    throw new PluginLoadError(`${manifest.id} does not name the permissions ${missing.join(', ')}`);
  if (manifest.contributes.server.modifies.length > 0)
    throw new PluginLoadError(
      `${manifest.id} adds to events by modifyUnsigned, which this server does not call`,
    );
  checkIntegrity(folder, manifest);
  // A plugin without a server part is the client's business.
  if (manifest.entry.server === undefined) return undefined;
  const file = join(folder, manifest.entry.server);
  if (!existsSync(file)) throw new PluginLoadError(`${file} is missing`);
  const real = realpathSync(file);
  if (!real.startsWith(`${folder}/`)) throw new PluginLoadError(`${file} leads out of the plugin's folder`);
  return { manifest, folder, entry: real, config: entry.config, checks: rulesOf(manifest, entry, longestMs) };
};

/** Reads the plugins that are switched on, in the order of the configuration. Throws `PluginLoadError`. */
export const loadPlugins = ({ load, hookTimeout }: Config['plugins']): readonly LoadedPlugin[] => {
  const loaded = load
    .filter(({ enabled }) => enabled)
    .map((entry) => loadOne(entry, hookTimeout))
    .filter((plugin) => plugin !== undefined);
  const ids = new Set<string>();
  for (const { manifest } of loaded) {
    if (ids.has(manifest.id)) throw new PluginLoadError(`the plugin ${manifest.id} is loaded twice`);
    ids.add(manifest.id);
  }
  return loaded;
};
